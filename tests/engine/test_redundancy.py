"""What the loss of a part costs on the twin: every ping is counted, and no moment is asserted."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from ipaddress import IPv4Address, IPv4Interface

import pytest

from bench.failures import close_black_hole, kill, open_black_hole, revive, wait_until
from bench.pings import Pings, pinging
from tests.engine.stack import Stack
from twin import birdc, daemons, iproute
from twin.network import Address, observe
from twin.router import control_socket
from twin.segment import BRIDGE
from verify.model import Check
from verify.probes import table
from verify.twin_stack import TwinStack
from verify.waiting import wait

pytestmark = [
    *(pytest.mark.engine, pytest.mark.twin, pytest.mark.timeout(300)),
    pytest.mark.xdist_group("redundancy"),  # so that they share their stacks
]

_LIMIT_SECONDS = 60

ALONE = [{"routers": 1, "nodes": 1}, {"routers": 1, "nodes": 1}]
PAIRS = [{"routers": 2, "nodes": 1}, {"routers": 2, "nodes": 1}]

#: A hold time so long that nothing but BFD can have found out, which itself is slow enough for a
#: machine that stands still for a moment.
PATIENT = {
    "redundancy": {"bfd": {"enabled": True, "interval_ms": 500}},
    "timers": {"hold_time": 240, "keepalive_time": 80},
}

_FAR_POD = "10.130.21.10"
_FAR_PODS = "10.130.21.0/24"


def converge(stack: Stack) -> None:
    wait(TwinStack(stack.name, stack.plan()), limit_seconds=_LIMIT_SECONDS)


def await_gateway(stack: Stack, datacentre: int, router: int) -> None:
    """Until this router of the datacentre holds the gateway's address, and the other does not."""
    holders = {1: False, 2: False, router: True}

    def holds(number: int) -> bool:
        place = stack.place(f"dc{datacentre}-router{number}")
        if not place.stands:
            return False
        gateway = Address("br-lan", IPv4Interface(f"10.1.{datacentre}.1/24"))
        return gateway in observe(place.namespace).network.addresses

    wait_until(
        lambda: {number: holds(number) for number in holders} == holders,
        f"dc{datacentre}-router{router} alone is the gateway",
    )


def ways_to_far_pods(stack: Stack, router: str) -> frozenset[str]:
    return table(stack.place(router)).get(_FAR_PODS, frozenset())


def session_states(stack: Stack, router: str) -> dict[str, str]:
    return birdc.sessions(control_socket(stack.place(router)))


@contextmanager
def pinging_afar(stack: Stack) -> Iterator[Pings]:
    """Pings from a pod of dc1 to one of dc2, from when they are answered until they are again."""
    with pinging(stack.place("dc1-controlplane1-pod1"), IPv4Address(_FAR_POD)) as pings:
        await_answers(pings)
        yield pings
        await_answers(pings)


def await_answers(pings: Pings, count: int = 200) -> None:
    """Until so many pings that were sent from now on have been answered."""
    since = len(pings.sent)
    wait_until(lambda: pings.answered_since(since) >= count, "pings are answered again")


@pytest.fixture(scope="module")
def alone(make_stack_of_module: Callable[[], Stack]) -> Stack:
    """Two datacentres with one router each."""
    return up(make_stack_of_module(), {"datacentres": ALONE, **PATIENT})


@pytest.fixture(scope="module")
def pairs(make_stack_of_module: Callable[[], Stack]) -> Stack:
    """Two datacentres with two routers each."""
    return up(make_stack_of_module(), {"datacentres": PAIRS, **PATIENT})


def up(stack: Stack, fabric: dict[str, object]) -> Stack:
    stack.configure(fabric)
    stack.up()
    return stack


@pytest.mark.parametrize("shape", ["alone", "pairs"])
@pytest.mark.parametrize(
    ("machine", "program"),
    [("dc2-worker1", "gobgpd"), ("dc2-router1", "bird"), ("dc1-router1", "bird")],
)
def test_what_is_killed_and_started_again_loses_no_packet(
    request: pytest.FixtureRequest, shape: str, machine: str, program: str
) -> None:
    stack: Stack = request.getfixturevalue(shape)
    converge(stack)
    with pinging_afar(stack) as pings:
        kill(stack.place(machine), program)
        revive(stack.place(machine))
        converge(stack)
    assert pings.lost == []


def test_while_bfd_is_mistaken_about_the_only_router_its_routes_are_kept(alone: Stack) -> None:
    converge(alone)
    (bird,) = daemons.running_in(alone.place("dc2-router1").folder, "bird")
    with pinging_afar(alone) as pings:
        os.kill(bird, signal.SIGSTOP)
        try:
            wait_until(
                lambda: session_states(alone, "dc1-router1")["172.30.0.3"] != "Established",
                "BFD ends the session",
            )
            alarm = len(pings.sent)
            await_answers(pings)
            assert [number for number in pings.lost if number < alarm] == []
            assert ways_to_far_pods(alone, "dc1-router1") == {"172.30.0.3"}
        finally:
            os.kill(bird, signal.SIGCONT)
        converge(alone)


def test_a_router_in_a_black_hole_is_found_by_bfd_and_gone_around(pairs: Stack) -> None:
    converge(pairs)
    await_gateway(pairs, 2, router=1)
    lost, both = pairs.place("dc2-router1"), frozenset({"172.30.0.3", "172.30.0.4"})
    wait_until(lambda: ways_to_far_pods(pairs, "dc1-router1") == both, "both are ways")
    with pinging_afar(pairs):
        open_black_hole(lost)
        wait_until(
            lambda: ways_to_far_pods(pairs, "dc1-router1") == {"172.30.0.4"}, "it is gone around"
        )
        await_gateway(pairs, 2, router=2)
    report = pairs.verify()
    found = {finding.message for finding in report.findings if finding.check is Check.BFD}
    assert report.checked["dc1-router1"][Check.BFD] == 3
    assert "the BFD session with dc2-router1 (172.30.0.3) is Down" in found
    close_black_hole(lost)
    converge(pairs)


def test_a_router_whose_bird_is_dead_hands_over_the_gateway(pairs: Stack) -> None:
    converge(pairs)
    await_gateway(pairs, 1, router=1)
    with pinging_afar(pairs):
        kill(pairs.place("dc1-router1"), "bird")
        await_gateway(pairs, 1, router=2)
    revive(pairs.place("dc1-router1"))


def test_a_router_whose_peering_link_is_dead_hands_over_the_gateway(pairs: Stack) -> None:
    converge(pairs)
    await_gateway(pairs, 2, router=1)
    namespace = pairs.place("dc2-router1").namespace
    with pinging_afar(pairs):
        iproute.batch(namespace, ["link set eth2 down"])
        await_gateway(pairs, 2, router=2)
    revive(pairs.place("dc2-router1"))


def test_the_gateway_outlives_the_router_that_held_it_and_goes_back_unnoticed(
    pairs: Stack,
) -> None:
    converge(pairs)
    await_gateway(pairs, 1, router=1)
    with pinging_afar(pairs) as pings:
        pairs.place("dc1-router1").release()
        await_gateway(pairs, 1, router=2)
        wait_until(
            lambda: session_states(pairs, "dc2-router1")["172.30.0.1"] != "Established",
            "the dead router's sessions end",
        )
        await_answers(pings)
        calm = len(pings.sent)
        pairs.up("--refresh")
        await_gateway(pairs, 1, router=1)
    assert [number for number in pings.lost if number >= calm] == []


def test_a_second_peering_network_is_added_in_place_and_outlives_the_first(stack: Stack) -> None:
    stack.configure({"datacentres": PAIRS})
    stack.up()
    before = stack.sessions_since("dc1-router1")
    redundancy = {"second_peering": "172.29.0.0/22"}
    stack.configure({"datacentres": PAIRS, "redundancy": redundancy})
    steps = stack.preview()
    routers = {f"twin-{router.name}" for router in stack.plan().routers}
    assert {name for name, step in steps.items() if step == "create"} == {"twin-peering2"}
    updated = {name for name, step in steps.items() if step == "update"}
    assert updated == {*routers, "twin-converged"}
    stack.up()
    assert stack.verify().findings == ()
    after = stack.sessions_since("dc1-router1")
    assert {name: after[name] for name in before} == before
    both = {"172.30.0.3", "172.30.0.4", "172.29.0.3", "172.29.0.4"}
    assert ways_to_far_pods(stack, "dc1-router1") == both
    iproute.batch(stack.place("peering").namespace, [f"link set {BRIDGE} down"])
    wait_until(
        lambda: ways_to_far_pods(stack, "dc1-router1") == {"172.29.0.3", "172.29.0.4"},
        "the second network carries everything",
    )
    kept = {name: since for name, since in after.items() if name.endswith("_peering2")}
    now = stack.sessions_since("dc1-router1")
    assert len(kept) == 3
    assert {name: now[name] for name in kept} == kept
