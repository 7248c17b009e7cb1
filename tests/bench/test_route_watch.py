import os
from collections.abc import Iterator
from ipaddress import IPv4Address

import pytest

from bench.route_watch import RouteWatch
from twin import iproute, namespaces

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="making namespaces takes root's rights")

ADDRESS = IPv4Address("10.112.0.1")


@pytest.fixture
def pair() -> Iterator[tuple[str, str]]:
    names = f"watch-{os.getpid()}-1", f"watch-{os.getpid()}-2"
    for name in names:
        namespaces.create(name)
    try:
        yield names
    finally:
        for name in names:
            namespaces.delete(name)


def test_it_ends_when_the_last_namespace_has_lost_the_route(pair: tuple[str, str]) -> None:
    for name in pair:
        iproute.batch(name, [f"route add unreachable {ADDRESS}"])
    with RouteWatch(ADDRESS, dict.fromkeys(pair, True)) as watch:
        for name in pair:
            iproute.batch(
                name, ["route add unreachable 10.112.0.2", f"route del unreachable {ADDRESS}"]
            )
        first, last = watch.until(present=False).items()
        assert (first[0], last[0]) == pair
        assert first[1] <= last[1]
        for name in pair:
            iproute.batch(name, [f"route add unreachable {ADDRESS}"])
        assert set(watch.until(present=True)) == set(pair)


def test_there_is_nothing_to_wait_for_where_it_is_so_already(pair: tuple[str, str]) -> None:
    with RouteWatch(ADDRESS, dict.fromkeys(pair, False)) as watch:
        assert watch.until(present=False) == {}
