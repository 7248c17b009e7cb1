"""BFD that somebody broke between two routers: the verification names what they did.

BGP comes back without it each time, so that only BFD differs from the plan.
"""

from __future__ import annotations

import os
import re
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

import pytest

from tests.causes.faults import edited, ip, named, named_at_last, rules
from tests.security.standing import Standing, eventually, standing
from twin import birdc, daemons
from twin.router import control_socket
from verify.causes import flapping
from verify.causes.flapping import LOSSES
from verify.causes.notes import flaps
from verify.causes.twin_witness import TwinWitness

pytestmark = [
    pytest.mark.twin,
    pytest.mark.timeout(300),
    pytest.mark.xdist_group("causes-of-bfd"),  # one twin for all of them
    pytest.mark.filterwarnings("ignore:subprocess .* is still running:ResourceWarning"),
]

#: Slow enough for a machine that does much else.
FABRIC = {
    "datacentres": [{"nodes": 1}, {"nodes": 1}],
    "redundancy": {"bfd": {"enabled": True, "interval_ms": 500}},
}
HERE, THERE, ADDRESS = "dc1-router1", "dc2-router1", "172.30.0.3"
BIRD = "/etc/bird.conf"
DROPPED = "udp dport 3784 drop"


@pytest.fixture(scope="module")
def fabric() -> Iterator[Standing]:
    with standing("bfd", FABRIC) as found:
        yield found


def stopped(receiver: str, sender: str) -> str:
    return f"firewall: BFD (UDP port 3784) to {receiver} is stopped on its way from {sender}"


def test_healthy_bfd_has_no_causes(fabric: Standing) -> None:
    assert named(fabric) == set()


def test_a_firewall_in_one_direction_is_named_with_the_direction(fabric: Standing) -> None:
    with rules(fabric, HERE, DROPPED):
        named_at_last(fabric, stopped(HERE, THERE))


def test_a_firewall_in_both_directions_is_named(fabric: Standing) -> None:
    with rules(fabric, HERE, DROPPED), rules(fabric, THERE, DROPPED):
        named_at_last(fabric, stopped(HERE, THERE), stopped(THERE, HERE))


@pytest.mark.parametrize(
    ("old", "new"),
    [("  bfd graceful;", "  bfd off;"), ("protocol bfd {", "protocol bfd {\n  disabled;")],
    ids=["of the session", "of all"],
)
def test_an_end_that_has_turned_it_off_is_named(fabric: Standing, old: str, new: str) -> None:
    with edited(fabric, THERE, BIRD, old, new):
        named_at_last(fabric, "BFD off: dc2-router1 runs no BFD with dc1-router1 (172.30.0.1)")


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("interval 500 ms;", "interval 1 s;", "an interval of 1000 ms and a multiplier of 3"),
        ("multiplier 3;", "multiplier 9;", "an interval of 500 ms and a multiplier of 9"),
    ],
)
def test_other_timers_than_planned_are_named_with_whose_they_are(
    fabric: Standing, old: str, new: str, said: str
) -> None:
    with edited(fabric, THERE, BIRD, old, new):
        named_at_last(fabric, f"BFD timers: dc2-router1 has {said}, and planned are 500 ms and 3")


def test_a_session_that_is_lost_takes_its_bfd_with_it(fabric: Standing) -> None:
    """What keeps the session away is named, and of BFD nothing."""
    with ip(fabric, HERE, "link set eth2 down", "link set eth2 up"):
        named_at_last(
            fabric,
            "reachability: eth2 of dc1-router1 is down, by which it speaks with dc2-router1 "
            f"({ADDRESS})",
        )


def test_false_alarms_by_timers_that_are_too_short_are_named(fabric: Standing) -> None:
    """One packet missed is a loss then: BIRD that stands still for a moment loses the session."""
    with edited(fabric, THERE, BIRD, "multiplier 3;", "multiplier 1;"):
        for _ in range(LOSSES):
            eventually("it is up, and BFD as short as that", lambda: is_up(fabric, timeout_ms=500))
            before = losses(fabric)
            with standing_still(fabric, THERE):
                eventually("it is lost", partial(is_lost, fabric, before))
        eventually("it is up again", lambda: is_up(fabric, timeout_ms=500))
        (found,) = (
            finding
            for finding in flaps(fabric.plan, TwinWitness(fabric.stack, fabric.plan))
            if (finding.machine, finding.about) == (HERE, ADDRESS)
        )
    lost, timers = (cause.cause for cause in found.causes)
    assert re.match(r"flapping: the session was lost \d+ times within 10 minutes", lost)
    assert timers == (
        "BFD timers: dc2-router1 has an interval of 500 ms and a multiplier of 1, and planned are "
        "500 ms and 3"
    )


@contextmanager
def standing_still(fabric: Standing, router: str) -> Iterator[None]:
    """BIRD gets no CPU for a while."""
    (bird,) = daemons.running_in(fabric.place(router).folder, "bird")
    os.kill(bird, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(bird, signal.SIGCONT)


def is_up(fabric: Standing, *, timeout_ms: int) -> bool:
    """Whether both sessions with the other router are, and how soon BFD would lose it."""
    socket = control_socket(fabric.place(HERE))
    of_bfd = birdc.bfd_sessions(socket)[ADDRESS]
    is_established = birdc.sessions(socket)[ADDRESS] == "Established"
    return is_established and (of_bfd.state, of_bfd.timeout_ms) == ("Up", timeout_ms)


def losses(fabric: Standing) -> int:
    """How often BGP's session with the other router was lost, by BIRD's log."""
    (router, *_) = fabric.plan.routers
    log = TwinWitness(fabric.stack, fabric.plan).log(router)
    found = flapping.flaps(log.lines, log.now).get("router_dc2_router1")
    return found.losses if found else 0


def is_lost(fabric: Standing, before: int) -> bool:
    return losses(fabric) > before
