"""The last resource of a stack on libvirt, as the engine drives it, with made-up observations."""

from collections.abc import Iterable
from typing import Any

import pytest

from tests.components.stacks import written
from verify.libvirt_converged import LibvirtConvergedProvider
from verify.libvirt_stack import LibvirtStack
from verify.model import Expected, Observed, Sight, Unseen
from verify.waiting import NotConvergedError

# The engine's property maps are untyped by nature.
Props = dict[str, Any]

INPUTS: Props = {
    "stack": "dev",
    "fabric": written("dev")["underlay:fabric"],
    "libvirt": {},
    "machines": {"dc1-router1": "2026-01-01T00:00:00+00:00"},
    "host_keys": {"dc1-router1": "public"},
    "management_key": "private",
    "kubeconfig": "kubeconfig",
    "limit_seconds": 0,
}


def kept(inputs: Props) -> Props:
    return {key: inputs[key] for key in inputs if key != "limit_seconds"} | {"missing": []}


OUTPUTS = kept(INPUTS)


def as_planned(_self: LibvirtStack, machines: Iterable[Expected]) -> dict[str, Sight]:
    return {
        m.machine: Observed(m.routes, dict.fromkeys(m.sessions, "Established")) for m in machines
    }


def nobody_answers(_self: LibvirtStack, machines: Iterable[Expected]) -> dict[str, Sight]:
    return {machine.machine: Unseen("does not answer") for machine in machines}


def test_it_stands_when_the_network_works_and_keeps_the_ways_for_a_refresh(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(LibvirtStack, "look", as_planned)
    created = LibvirtConvergedProvider().create({**INPUTS, "__provider": "engine's own"})
    assert created.id == "dev-converged"
    assert created.outs == OUTPUTS


def test_routers_alone_come_without_a_kubeconfig(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(LibvirtStack, "look", as_planned)
    inputs = {key: item for key, item in INPUTS.items() if key != "kubeconfig"}
    inputs["libvirt"] = {"cluster": False}
    assert LibvirtConvergedProvider().create(inputs).outs == kept(inputs)


def test_it_names_every_machine_that_does_not_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(LibvirtStack, "look", nobody_answers)
    with pytest.raises(NotConvergedError) as caught:
        LibvirtConvergedProvider().create(INPUTS)
    assert str(caught.value).splitlines()[1:] == [
        "  - dc1-router1: does not answer",
        "  - dc2-router1: does not answer",
        "  - dc1-controlplane1: does not answer",
        "  - dc2-worker1: does not answer",
    ]


@pytest.mark.parametrize(
    "changed", [{"machines": {"dc1-router1": "later"}}, {"fabric": {}}, {"stack": "other"}]
)
def test_whatever_changes_is_waited_for_again(changed: Props) -> None:
    diff = LibvirtConvergedProvider().diff("id", OUTPUTS, {**INPUTS, **changed})
    assert diff.changes
    assert not diff.replaces


@pytest.mark.parametrize(
    "changed",
    [
        {},
        {"kubeconfig": "renewed"},
        {"management_key": "other"},
        {"host_keys": {}},
        {"limit_seconds": 9},
        {"libvirt": {"autostart": False}},
    ],
)
def test_how_it_is_looked_at_is_no_change(changed: Props) -> None:
    assert not LibvirtConvergedProvider().diff("id", OUTPUTS, {**INPUTS, **changed}).changes


def test_a_refresh_notices_what_is_missing_and_an_update_waits_for_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    provider = LibvirtConvergedProvider()
    monkeypatch.setattr(LibvirtStack, "look", nobody_answers)
    read = provider.read("id", OUTPUTS).outs or {}
    assert len(read["missing"]) == 4
    assert provider.diff("id", read, INPUTS).changes
    monkeypatch.setattr(LibvirtStack, "look", as_planned)
    assert provider.update("id", read, INPUTS).outs == OUTPUTS
