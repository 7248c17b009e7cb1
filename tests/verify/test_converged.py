"""The stack's last resource, as the engine drives it, with made-up observations."""

from collections.abc import Callable
from typing import Any

import pytest

from config.load import load
from tests.verify.sights import Look, as_planned, nothing
from verify import probes
from verify.twin_converged import TwinConvergedProvider
from verify.waiting import NotConvergedError

# The engine's property maps are untyped by nature.
Props = dict[str, Any]

INPUTS: Props = {
    "stack": "twin",
    "fabric": load().fabric.model_dump(mode="json"),
    "machines": {"dc1-router1": "2026-01-01T00:00:00+00:00"},
    "limit_seconds": 60,
}
OUTPUTS: Props = {key: INPUTS[key] for key in INPUTS if key != "limit_seconds"} | {"missing": []}


@pytest.fixture
def see(monkeypatch: pytest.MonkeyPatch) -> Callable[[Look], None]:
    """Let the probes see this."""
    return lambda look: monkeypatch.setattr(probes, "look", look)


def test_it_stands_when_the_network_works(see: Callable[[Look], None]) -> None:
    see(as_planned)
    created = TwinConvergedProvider().create(INPUTS)
    assert created.id == "twin-converged"
    assert created.outs == OUTPUTS


def test_it_fails_with_what_is_missing_when_it_does_not(
    see: Callable[[Look], None],
) -> None:
    see(nothing)
    with pytest.raises(NotConvergedError, match="no route to default, planned by"):
        TwinConvergedProvider().create({**INPUTS, "limit_seconds": 0})


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
    provider = TwinConvergedProvider()
    assert not provider.diff("id", OUTPUTS, INPUTS).changes
    diff = provider.diff("id", OUTPUTS, {**INPUTS, **changed})
    assert diff.changes
    assert not diff.replaces


def test_a_refresh_notices_what_is_missing_and_an_update_waits_for_it(
    see: Callable[[Look], None],
) -> None:
    provider = TwinConvergedProvider()
    see(nothing)
    read = provider.read("id", OUTPUTS).outs or {}
    assert 0 < len(read["missing"]) <= 30
    assert provider.diff("id", read, INPUTS).changes
    see(as_planned)
    assert (provider.update("id", read, INPUTS).outs or {})["missing"] == []
    assert (provider.read("id", read).outs or {})["missing"] == []
