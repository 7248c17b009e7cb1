"""Pods' addresses on the twin."""

from ipaddress import IPv4Address, IPv4Network

import pytest
from hypothesis import given, settings

from config.load import load
from config.plan import make_plan
from config.pods import most_pods, pod_address, pod_gateway
from tests.config.strategies import Written, fabrics

POD_CIDR = IPv4Network("10.129.21.0/24")


def test_pods_are_counted_from_host_10_behind_the_nodes_own_address() -> None:
    assert pod_gateway(POD_CIDR) == IPv4Address("10.129.21.1")
    assert [str(pod_address(POD_CIDR, number)) for number in (1, 2, 100)] == [
        "10.129.21.10",
        "10.129.21.11",
        "10.129.21.109",
    ]


@pytest.mark.parametrize(("host_bits", "most"), [(8, 245), (6, 53), (4, 5), (3, 0), (0, 0)])
def test_a_pod_cidr_has_room_up_to_its_broadcast_address(host_bits: int, most: int) -> None:
    assert most_pods(host_bits) == most


@settings(max_examples=100, deadline=None)
@given(fabrics())
def test_every_pod_of_a_fabric_that_loads_is_a_host_of_its_nodes_pod_cidr(fabric: Written) -> None:
    plan = make_plan(load(fabric))
    for node in plan.nodes:
        for cidr in node.pod_cidrs:
            last = int(pod_address(cidr, plan.pods_per_node))
            assert int(pod_gateway(cidr)) < last < int(cidr.broadcast_address)
