"""Looking at machines that are not there, or not as they should be."""

import os
from collections.abc import Iterator

import pytest

from twin import iproute, preflight
from twin.place import Place, release_stack
from verify import probes
from verify.model import Expected, Kind, Observed


@pytest.fixture
def place() -> Iterator[Place]:
    lacks_rights = preflight.inspect().capabilities & (1 << 21) == 0
    if lacks_rights:
        pytest.skip("making network namespaces takes root's rights")
    found = Place(f"test-{os.getpid()}-probes", "machine")
    try:
        found.claim("me")
        yield found
    finally:
        release_stack(found.stack)


def expected(kind: Kind) -> Expected:
    return Expected("machine", kind, {}, {"10.0.0.1": "somebody"})


@pytest.mark.parametrize("kind", list(Kind))
def test_a_machine_that_is_gone_shows_nothing(kind: Kind) -> None:
    assert probes.look("test-nobody", expected(kind)) == Observed(routes={})


@pytest.mark.twin
@pytest.mark.parametrize("kind", [Kind.ROUTER, Kind.POD])
def test_a_daemon_that_is_down_has_no_sessions(place: Place, kind: Kind) -> None:
    assert probes.look(place.stack, expected(kind)) == Observed(routes={})


@pytest.mark.twin
def test_the_whole_main_table_is_seen_with_all_ways(place: Place) -> None:
    iproute.batch(
        place.namespace,
        [
            "link add eth0 type veth peer name eth1",
            "link set eth0 up",
            "link set eth1 up",
            "address add 10.0.0.1/24 dev eth0",
            "route add default via 10.0.0.9 proto static",
            "route add 10.9.0.0/16 proto bird nexthop via 10.0.0.3 nexthop via 10.0.0.4",
            "route add unreachable 10.8.0.0/16 proto bird",
            "route add 10.0.1.1 dev eth1",
        ],
    )
    assert probes.table(place) == {
        "default": {"10.0.0.9"},
        "10.0.0.0/24": {"eth0"},
        "10.9.0.0/16": {"10.0.0.3", "10.0.0.4"},
        "10.8.0.0/16": {"unreachable"},
        "10.0.1.1": {"eth1"},
    }
