"""Connections that the kernel is to judge anew."""

import socket
from pathlib import Path

import pytest

from twin import conntrack, iproute, namespaces
from twin.machine import run_nft
from twin.place import Place

pytestmark = pytest.mark.twin

_COUNT = Path("/proc/sys/net/netfilter/nf_conntrack_count")
_RULES = "table inet t { chain c { type filter hook output priority 0; ct state new accept; }; }"


def remembered(place: Place) -> int:
    with namespaces.inside(place.namespace):
        return int(_COUNT.read_text())


@pytest.mark.parametrize(
    ("family", "own"), [(socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")]
)
def test_all_connections_of_a_namespace_are_forgotten(
    place: Place, family: socket.AddressFamily, own: str
) -> None:
    iproute.batch(place.namespace, ["link set lo up"])
    with namespaces.inside(place.namespace):
        namespaces.write_sysctl("net.ipv6.conf.lo.disable_ipv6", "0")
    run_nft(place, ["-f", "-"], _RULES)
    with (
        namespaces.inside(place.namespace),
        socket.socket(family, socket.SOCK_DGRAM) as sender,
        socket.socket(family, socket.SOCK_DGRAM) as receiver,
    ):
        receiver.bind((own, 0))
        sender.sendto(b"anything", receiver.getsockname())
    assert remembered(place) == 1
    conntrack.forget(place.namespace)
    assert remembered(place) == 0
