"""The stack's last resource, as the engine drives it, with made-up observations."""

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest

from config.load import load
from verify import probes, waiting
from verify.converged import ConvergedProvider
from verify.model import Expected, Observed
from verify.waiting import NotConvergedError

# The engine's property maps are untyped by nature.
Props = dict[str, Any]

INPUTS: Props = {
    "stack": "twin",
    "fabric": load().fabric.model_dump(mode="json"),
    "machines": {"dc1-router1": "2026-01-01T00:00:00+00:00"},
}

Look = Callable[[str, Expected], Observed]


def as_planned(_stack: str, expected: Expected) -> Observed:
    return Observed(expected.routes, dict.fromkeys(expected.sessions, "Established"))


def nothing(_stack: str, _expected: Expected) -> Observed:
    return Observed(routes={})


@pytest.fixture
def see(monkeypatch: pytest.MonkeyPatch) -> Callable[[Look], None]:
    """Let the probes see this."""
    return lambda look: monkeypatch.setattr(probes, "look", look)


def test_it_stands_when_the_network_works(see: Callable[[Look], None]) -> None:
    see(as_planned)
    created = ConvergedProvider().create(INPUTS)
    assert created.id == "twin-converged"
    assert created.outs == {**INPUTS, "missing": []}


def test_it_fails_with_what_is_missing_when_it_does_not(
    see: Callable[[Look], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    see(nothing)
    monkeypatch.setattr(waiting, "wait", partial(waiting.wait, limit_seconds=0))
    with pytest.raises(NotConvergedError, match="no route to default, planned by"):
        ConvergedProvider().create(INPUTS)


@pytest.mark.parametrize(
    "changed",
    [
        {"machines": {"dc1-router1": "2026-01-02T00:00:00+00:00"}},
        {"machines": {}},
        {"fabric": load({"datacentres": 3}).fabric.model_dump(mode="json")},
        {"stack": "other"},
    ],
)
def test_whatever_changes_is_waited_for_again(changed: Props) -> None:
    provider = ConvergedProvider()
    outputs: Props = {**INPUTS, "missing": []}
    assert not provider.diff("id", outputs, INPUTS).changes
    diff = provider.diff("id", outputs, {**INPUTS, **changed})
    assert diff.changes
    assert not diff.replaces


def test_a_refresh_notices_what_is_missing_and_an_update_waits_for_it(
    see: Callable[[Look], None],
) -> None:
    provider = ConvergedProvider()
    see(nothing)
    read = provider.read("id", {**INPUTS, "missing": []}).outs or {}
    assert 0 < len(read["missing"]) <= 30
    assert provider.diff("id", read, INPUTS).changes
    see(as_planned)
    assert (provider.update("id", read, INPUTS).outs or {})["missing"] == []
    assert (provider.read("id", read).outs or {})["missing"] == []
