"""Services of both families that somebody broke in IPv6 alone: the verification names it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.causes.faults import Change, named_at_last, redeployed, rules, with_text
from tests.security.standing import Standing, standing
from twin import agentd
from twin.load_balancer import TABLE
from twin.machine import run_nft
from twin.manifest import Manifest

pytestmark = [
    pytest.mark.twin,
    pytest.mark.timeout(300),
    pytest.mark.xdist_group("causes of ipv6"),  # one twin for all of them
    pytest.mark.filterwarnings("ignore:subprocess .* is still running:ResourceWarning"),
]

FABRIC = {
    "families": ["ipv4", "ipv6"],
    "datacentres": [{"nodes": 2}, {"nodes": 1}],
    "management": ["172.31.0.1/32", "fd75:6e64:6572:1f::1/128"],
    "load_balancing": {"demo": [{"replicas": 2}]},
}
ROUTER, NODE = "dc1-router1", "dc1-worker1"
VIP = "fd75:6e64:6572:70::1"


@pytest.fixture(scope="module")
def fabric() -> Iterator[Standing]:
    with standing("cause6", FABRIC) as found:
        yield found


def without_slice(document: Manifest) -> Manifest | None:
    """As Kubernetes has it where a Service is of IPv4 alone."""
    is_slice = document.get("kind") == "EndpointSlice" and document.get("addressType") == "IPv6"
    return None if is_slice else document


@pytest.mark.parametrize(
    ("change", "cause"),
    [
        (
            with_text("CiliumLoadBalancerIPPool", "fd75:6e64:6572:70::/112", "fd00:70::/112"),
            f"no pool: nginx does not get its address {VIP}, since no CiliumLoadBalancerIPPool "
            "has it",
        ),
        (without_slice, "no ready backend: no EndpointSlice of nginx has a pod's address of IPv6"),
    ],
    ids=["no block", "no slice"],
)
def test_what_a_service_lacks_in_ipv6_alone_is_named(
    fabric: Standing, change: Change, cause: str
) -> None:
    """And nothing is said of IPv4, in which it goes on."""
    with redeployed(fabric, change):
        named_at_last(fabric, cause)


def test_a_node_that_does_not_translate_an_address_of_ipv6_is_named(fabric: Standing) -> None:
    agentd.end(fabric.place(NODE))
    listed = run_nft(fabric.place(NODE), ["-a", "list", "chain", *TABLE.split(), "outside"])
    (handle,) = (
        line.rpartition("# handle ")[2] for line in listed.splitlines() if f"daddr {VIP} " in line
    )
    run_nft(fabric.place(NODE), ["delete", "rule", *TABLE.split(), "outside", "handle", handle])
    named_at_last(
        fabric,
        f"no load balancing: dc1-worker1 does not translate nginx at {VIP} to its pods",
        asks=True,
    )


def test_a_rule_against_the_clients_of_an_address_of_ipv6_is_named(fabric: Standing) -> None:
    with rules(fabric, ROUTER, f"ip6 daddr {VIP} drop", hook="forward"):
        named_at_last(
            fabric,
            f"firewall: nginx at {VIP} has its pods, routes and load balancing; traffic from "
            "outside to it is stopped at the routers, which reach it themselves",
            asks=True,
        )
