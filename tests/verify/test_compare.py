"""Each kind of difference, and none where there is none."""

from dataclasses import replace

import pytest

from twin.birdc import BfdSession
from verify.compare import differences
from verify.model import Check, Expected, Finding, Kind, Observed

ROUTER = Expected(
    machine="dc1-router1",
    kind=Kind.ROUTER,
    routes={
        "default": frozenset({"172.31.0.1"}),
        "10.1.2.0/24": frozenset({"172.30.0.3", "172.30.0.4"}),
        "10.1.0.0/16": frozenset({"unreachable"}),
    },
    sessions={"172.30.0.3": "dc2-router1", "10.1.1.21": "dc1-worker1"},
    bfd={"172.30.0.3": "dc2-router1"},
    bfd_interval_ms=50,
    bfd_timeout_ms=150,
)

UP = BfdSession("Up", 50, 150)
AS_PLANNED = Observed(
    routes=ROUTER.routes,
    sessions={"172.30.0.3": "Established", "10.1.1.21": "Established"},
    bfd={"172.30.0.3": UP},
)


def found(observed: Observed) -> list[tuple[Check, str]]:
    """What differs, all of it on the router."""
    findings = list(differences(ROUTER, observed))
    assert {finding.machine for finding in findings} <= {"dc1-router1"}
    return [(finding.check, finding.message) for finding in findings]


def with_routes(**changed: frozenset[str] | None) -> Observed:
    routes = {**ROUTER.routes, **changed}
    return replace(AS_PLANNED, routes={p: ways for p, ways in routes.items() if ways})


def test_what_is_as_planned_has_no_findings() -> None:
    assert found(AS_PLANNED) == []


@pytest.mark.parametrize("state", ["Idle", "Connect", "Active", "OpenSent", "OpenConfirm", "Down"])
def test_a_session_that_is_not_established_is_found_with_its_state(state: str) -> None:
    sessions = {**AS_PLANNED.sessions, "10.1.1.21": state}
    assert found(replace(AS_PLANNED, sessions=sessions)) == [
        (Check.SESSIONS, f"the session with dc1-worker1 (10.1.1.21) is {state}")
    ]


def test_a_session_that_is_not_there_is_found_by_name() -> None:
    assert found(replace(AS_PLANNED, sessions={"10.1.1.21": "Established"})) == [
        (Check.SESSIONS, "no session with dc2-router1 (172.30.0.3) is configured")
    ]


def test_a_session_that_nobody_planned_is_found() -> None:
    sessions = {**AS_PLANNED.sessions, "10.1.1.99": "Established"}
    assert found(replace(AS_PLANNED, sessions=sessions)) == [
        (Check.SESSIONS, "a session with 10.1.1.99 is not in the plan")
    ]


@pytest.mark.parametrize(
    ("bfd", "message"),
    [
        (
            {"172.30.0.3": BfdSession("Down", 1000, 0)},
            "the BFD session with dc2-router1 (172.30.0.3) is Down",
        ),
        (
            {"172.30.0.3": BfdSession("Up", 50, 250)},
            "the BFD session with dc2-router1 (172.30.0.3) has an interval of 50 ms and a timeout "
            "of 250 ms, not 50 and 150",
        ),
        ({}, "no BFD session with dc2-router1 (172.30.0.3) is configured"),
        (
            {"172.30.0.3": UP, "172.30.0.9": UP},
            "a BFD session with 172.30.0.9 is not in the plan",
        ),
    ],
)
def test_a_bfd_session_that_is_not_as_planned_is_found(
    bfd: dict[str, BfdSession], message: str
) -> None:
    assert found(replace(AS_PLANNED, bfd=bfd)) == [(Check.BFD, message)]


def test_a_route_that_is_missing_is_found_with_its_way() -> None:
    assert found(with_routes(default=None)) == [
        (Check.ROUTES, "no route to default, planned by 172.31.0.1")
    ]


def test_a_route_that_goes_another_way_is_found_with_both() -> None:
    assert found(with_routes(default=frozenset({"10.1.1.1"}))) == [
        (Check.ROUTES, "the route to default goes by 10.1.1.1, not 172.31.0.1")
    ]


def test_a_route_that_has_lost_one_of_its_ways_is_found() -> None:
    assert found(with_routes(**{"10.1.2.0/24": frozenset({"172.30.0.4"})})) == [
        (
            Check.ROUTES,
            "the route to 10.1.2.0/24 goes by 172.30.0.4, not 172.30.0.3 and 172.30.0.4",
        )
    ]


def test_a_route_that_has_a_way_too_many_is_found() -> None:
    ways = frozenset({"172.30.0.3", "172.30.0.4", "172.30.0.5"})
    ((check, message),) = found(with_routes(**{"10.1.2.0/24": ways}))
    assert check is Check.ROUTES
    assert "goes by 172.30.0.3 and 172.30.0.4 and 172.30.0.5, not" in message


def test_a_range_that_should_end_here_and_does_not_is_found() -> None:
    assert found(with_routes(**{"10.1.0.0/16": frozenset({"172.31.0.1"})})) == [
        (Check.ROUTES, "the route to 10.1.0.0/16 goes by 172.31.0.1, not unreachable")
    ]


def test_a_route_that_nobody_planned_is_found() -> None:
    assert found(with_routes(**{"10.9.0.0/16": frozenset({"172.30.0.3"})})) == [
        (Check.ROUTES, "a route to 10.9.0.0/16 by 172.30.0.3 is not in the plan")
    ]


def test_a_machine_that_shows_nothing_lacks_everything() -> None:
    everything = (*ROUTER.routes, *ROUTER.sessions, *ROUTER.bfd)
    assert len(found(Observed(routes={}))) == len(everything)


def test_a_finding_reads_as_machine_and_message() -> None:
    assert str(Finding("dc1-router1", Check.ROUTES, "no route")) == "dc1-router1: no route"
