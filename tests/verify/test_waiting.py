"""Waiting until the network does what the plan says.

What the probes see is put in their place, so that no network is needed and none has to be broken.
"""

import re
from collections.abc import Callable
from dataclasses import replace

import pytest

from config.load import load
from config.plan import make_plan
from tests.verify.sights import Look, as_planned, nothing
from verify import probes, waiting
from verify.model import Check, Expected, Finding, Kind, Observed
from verify.twin_stack import TwinStack, twin_stack
from verify.waiting import NotConvergedError, missing, wait

PLAN = make_plan(load())
TWIN = TwinStack("twin", PLAN)

#: More than any of these takes.
LIMIT_SECONDS = 60.0


@pytest.fixture
def see(monkeypatch: pytest.MonkeyPatch) -> Callable[[Look], None]:
    """Let the probes see this."""
    monkeypatch.setattr(TwinStack, "poll_seconds", 0.001)
    return lambda look: monkeypatch.setattr(probes, "look", look)


def test_routers_and_nodes_are_waited_for_and_nobody_else() -> None:
    found = TWIN.speakers()
    assert {machine.kind for machine in found.values()} == {Kind.NODE, Kind.ROUTER}
    assert len(found) == len(PLAN.routers) + len(PLAN.nodes)


def test_every_session_of_the_plan_is_waited_for_at_one_end_at_least() -> None:
    watched = {
        frozenset((machine.machine, neighbor))
        for machine in TWIN.speakers().values()
        for neighbor in machine.sessions.values()
    }
    assert watched == {
        frozenset((name, session.neighbor_name))
        for name, sessions in PLAN.sessions.items()
        for session in sessions
    }


def test_a_network_that_is_as_planned_is_not_waited_for(see: Callable[[Look], None]) -> None:
    looks: list[str] = []

    def look(stack: str, expected: Expected) -> Observed:
        looks.append(expected.machine)
        return as_planned(stack, expected)

    see(look)
    wait(TWIN, LIMIT_SECONDS)
    assert sorted(looks) == sorted(TWIN.speakers())


def test_it_is_waited_until_the_last_machine_is_as_planned(see: Callable[[Look], None]) -> None:
    looks: dict[str, int] = {}

    def settling(stack: str, expected: Expected) -> Observed:
        assert stack == "twin"
        count = looks[expected.machine] = looks.get(expected.machine, 0) + 1
        settled = count > (3 if expected.machine == "dc2-router1" else 1)
        return as_planned(stack, expected) if settled else nothing(stack, expected)

    see(settling)
    wait(TWIN, LIMIT_SECONDS)
    assert looks.pop("dc2-router1") == 4
    assert set(looks.values()) == {2}, "who is as planned is not looked at again"


def test_what_is_missing_is_said_when_the_time_is_up(see: Callable[[Look], None]) -> None:
    def one_session_down(stack: str, expected: Expected) -> Observed:
        observed = as_planned(stack, expected)
        if expected.machine != "dc1-router1":
            return observed
        return replace(observed, sessions={**observed.sessions, "172.30.0.3": "Active"})

    see(one_session_down)
    with pytest.raises(NotConvergedError) as error:
        wait(TWIN, limit_seconds=0)
    assert re.fullmatch(
        r"not converged after \d+ s:\n"
        r"  - dc1-router1: the session with dc2-router1 \(172\.30\.0\.3\) is Active",
        str(error.value),
    )


def test_a_long_list_of_what_is_missing_is_cut_short(see: Callable[[Look], None]) -> None:
    see(nothing)
    with pytest.raises(NotConvergedError) as error:
        wait(TwinStack("twin", make_plan(load({"datacentres": 20}))), limit_seconds=0)
    title, *lines, last = str(error.value).splitlines()
    assert title.startswith("not converged after ")
    assert len(lines) == 30
    assert last.startswith("  … and ")
    assert last.endswith(" more")


def test_the_message_counts_what_it_leaves_out() -> None:
    findings = [Finding("m", Check.ROUTES, f"no route to {number}") for number in range(32)]
    assert str(NotConvergedError(findings, 61.4)).splitlines()[0] == "not converged after 61 s:"
    assert str(NotConvergedError(findings, 61.4)).splitlines()[-1] == "  … and 2 more"
    assert "more" not in str(NotConvergedError(findings[:30], 61.4))


def test_who_waits_long_is_told_what_for(
    see: Callable[[Look], None],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(waiting, "_PROGRESS_SECONDS", 0)
    see(nothing)
    with pytest.raises(NotConvergedError):
        wait(TWIN, limit_seconds=0.05)
    said = capsys.readouterr().err.splitlines()
    assert re.match(
        r"waiting for \d+ sessions and routes, \d+ of 0 s; "
        r"first: dc1-controlplane1: no route to ",
        said[0],
    )


def test_what_is_missing_at_this_moment_is_listed(see: Callable[[Look], None]) -> None:
    see(as_planned)
    assert missing(TWIN) == []
    see(nothing)
    found = missing(TWIN)
    assert len(found) == 30
    assert found[0].startswith("dc1-controlplane1: no route to ")


def test_settings_that_were_deployed_have_the_plan_they_had() -> None:
    settings = load({"datacentres": [{"name": "ams", "routers": 2}, {"index": 7}]})
    fabric = settings.fabric.model_dump(mode="json", exclude_defaults=True)
    assert twin_stack("twin", fabric).plan == make_plan(settings)
