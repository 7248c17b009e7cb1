"""Pings are counted one by one."""

import os
import time
from collections.abc import Iterator
from ipaddress import IPv4Address

import pytest

from bench.pings import Pings, pinging
from twin import iproute, preflight
from twin.place import Place, release_stack


@pytest.fixture
def pod() -> Iterator[Place]:
    """A machine with the address 192.0.2.1, which answers itself."""
    if preflight.inspect().capabilities & (1 << 21) == 0:
        pytest.skip("making network namespaces takes root's rights")
    place = Place(f"test-{os.getpid()}-pings", "machine")
    try:
        place.claim("me")
        iproute.batch(place.namespace, ["link set lo up", "address add 192.0.2.1/32 dev lo"])
        yield place
    finally:
        release_stack(place.stack)


def answered(pings: Pings, count: int) -> None:
    since, deadline = len(pings.sent), time.monotonic() + 30
    while pings.answered_since(since) < count:
        assert time.monotonic() < deadline, "not answered within 30 s"
        time.sleep(0.005)


@pytest.mark.twin
def test_who_is_always_there_answers_every_one(pod: Place) -> None:
    with pinging(pod, IPv4Address("192.0.2.1")) as pings:
        answered(pings, 20)
    assert pings.lost == []
    assert pings.longest_outage_seconds == 0


@pytest.mark.twin
def test_those_of_a_time_without_the_address_are_lost_and_no_others(pod: Place) -> None:
    with pinging(pod, IPv4Address("192.0.2.1")) as pings:
        answered(pings, 20)
        iproute.batch(pod.namespace, ["address del 192.0.2.1/32 dev lo"])
        gone = len(pings.sent)
        while len(pings.sent) < gone + 20:
            time.sleep(0.005)
        iproute.batch(pod.namespace, ["address add 192.0.2.1/32 dev lo"])
        answered(pings, 20)
    assert len(pings.lost) >= 20
    assert pings.lost == list(range(pings.lost[0], pings.lost[-1] + 1)), "one gap"
    assert pings.longest_outage_seconds > 0


def test_an_outage_is_from_the_first_lost_to_the_next_that_was_answered() -> None:
    sent = [0.0, 1.0, 2.0, 3.0, 4.0, 5.0]
    assert Pings(sent, {0, 1, 4, 5}).longest_outage_seconds == 2.0
    assert Pings(sent, {0, 2, 3}).longest_outage_seconds == 1.0
    assert Pings(sent, set()).longest_outage_seconds == 5.0
