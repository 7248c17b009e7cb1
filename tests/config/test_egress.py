"""What is decided of egress gateways, and each setting of theirs that is refused."""

from ipaddress import IPv4Address, IPv4Network
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from config.egress_gateways import Egress, Gateway
from config.errors import ConfigurationError
from config.load import load
from config.plan import Plan, make_plan
from tests.config.refusals import refusals


def planned(egress: dict[str, Any] | None = None, **fabric: object) -> Plan:
    return make_plan(load({**fabric, "egress_gateway": egress or {}}))


def decided(egress: dict[str, Any] | None = None, **fabric: object) -> Egress:
    found = planned(egress, **fabric).egress_gateway
    assert found
    return found


def refused(egress: dict[str, Any], **fabric: object) -> list[str]:
    return refusals({**fabric, "egress_gateway": egress})


def test_there_is_no_gateway_and_no_pod_for_it_unless_asked_for() -> None:
    plan = make_plan(load())
    assert (plan.egress_gateway, plan.pods_per_node) == (None, 1)


def test_each_datacentre_leaves_by_its_first_worker_and_the_address_of_its_index() -> None:
    datacentres = [{"name": "ams", "index": 7, "nodes": 3}, {"name": "fra", "index": 2}]
    assert decided(datacentres=datacentres).gateways == (
        Gateway("fra", "fra-worker1", IPv4Address("10.113.0.2")),
        Gateway("ams", "ams-worker1", IPv4Address("10.113.0.7")),
    )


def test_the_node_and_the_address_can_be_named() -> None:
    named = {"dc1": {"node": "dc1-controlplane1"}, "dc2": {"address": "10.113.9.9"}}
    assert decided({"gateways": named}).gateways == (
        Gateway("dc1", "dc1-controlplane1", IPv4Address("10.113.0.1")),
        Gateway("dc2", "dc2-worker1", IPv4Address("10.113.9.9")),
    )


def test_a_datacentre_without_nodes_has_no_gateway_and_needs_none() -> None:
    assert [g.datacentre for g in decided(datacentres=[{}, {"nodes": 0}]).gateways] == ["dc1"]


def test_whatever_is_the_fabrics_own_is_left_out_but_the_wan() -> None:
    services = {"announce": ["LoadBalancerIP", "ExternalIP"]}
    datacentres = [{}, {"lan": "192.168.7.0/24"}]
    redundancy = {"second_peering": "172.29.0.0/22"}
    found = decided(datacentres=datacentres, load_balancing=services, redundancy=redundancy)
    assert [str(network) for network in found.excluded] == [
        "10.1.0.0/16",
        "10.128.0.0/9",
        "10.96.0.0/12",
        "10.112.0.0/16",
        "10.113.0.0/16",
        "172.30.0.0/22",
        "172.29.0.0/22",
        "192.168.7.0/24",
        "10.114.0.0/16",
    ]


def test_each_node_of_the_twin_has_a_pod_for_it() -> None:
    assert planned(twin={"pods_per_node": 4}).pods_per_node == 5


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 4), st.integers(0, 3), st.integers(2, 9))
def test_what_is_added_moves_no_gateway(datacentres: int, more: int, nodes: int) -> None:
    first = decided(datacentres=[{"nodes": 2}] * datacentres).gateways
    grown = decided(datacentres=[{"nodes": nodes}] * (datacentres + more)).gateways
    assert grown[:datacentres] == first


FIELD = "fabric.egress_gateway"


@pytest.mark.parametrize(
    ("egress", "said"),
    [
        pytest.param(
            {"selector": {}},
            f"{FIELD}.selector {{}} has no labels, so every pod would be meant: "
            "name a label of those meant",
            id="no labels",
        ),
        pytest.param(
            {"selector": {"a b": "c"}},
            f"{FIELD}.selector {{'a b': 'c'}} has a b, which is no key of a label: "
            "write a key such as app",
            id="no key",
        ),
        pytest.param(
            {"destinations": []},
            f"{FIELD}.destinations [] is empty: write [0.0.0.0/0], or leave it out",
            id="nowhere",
        ),
        pytest.param(
            {"destinations": ["0.0.0.0/0", "10.130.0.0/16"]},
            f"{FIELD}.destinations[1] 10.130.0.0/16 is in 10.128.0.0/9, which is the fabric's own "
            "and sees no translated address: name what is beyond the WAN",
            id="inside",
        ),
        pytest.param(
            {"destinations": ["2001:db8::/32"]},
            f"{FIELD}.destinations[0] 2001:db8::/32 is IPv6, and this field takes IPv4: "
            "write a prefix such as 10.1.0.0/16",
            id="a destination in IPv6",
        ),
        pytest.param(
            {"gateways": {"dc1": {"address": "2001:db8::1"}}},
            f"{FIELD}.gateways.dc1.address 2001:db8::1 is not an address: "
            "write an IPv4 address such as 10.112.0.10",
            id="an address of IPv6",
        ),
        pytest.param(
            {"gateways": {"dc1": {"address": "10.112.0.1"}}},
            f"{FIELD}.gateways.dc1.address 10.112.0.1 is not in fabric.egress 10.113.0.0/16: "
            "use one of that, or enlarge fabric.egress",
            id="an address of another range",
        ),
        pytest.param(
            {"gateways": {"dc1": {"address": "10.113.0.2"}}},
            f"{FIELD}.gateways.dc2.address 10.113.0.2 is also that of dc1: "
            "give each datacentre its own",
            id="one address for two",
        ),
        pytest.param(
            {"gateways": {"dc1": {"node": "dc2-worker1"}}},
            f"{FIELD}.gateways.dc1.node dc2-worker1 is no node of the datacentre: "
            "use one of dc1-worker1, dc1-controlplane1",
            id="a node elsewhere",
        ),
        pytest.param(
            {"gateways": {"dc3": {}}},
            f"{FIELD}.gateways.dc3 is for no datacentre with nodes: use one of dc1, dc2",
            id="a datacentre that is not there",
        ),
    ],
)
def test_a_setting_that_cannot_work_is_refused(egress: dict[str, Any], said: str) -> None:
    assert refused(egress) == [said]


@pytest.mark.parametrize(
    ("fabric", "said"),
    [
        pytest.param(
            {"datacentres": [{"nodes": 1}]},
            f"{FIELD}.gateways.dc1.node is not given, and the datacentre has no worker to choose: "
            "name a control plane such as dc1-controlplane1",
            id="no worker",
        ),
        pytest.param(
            {"egress": "10.113.0.0/30", "datacentres": 4},
            "fabric.egress 10.113.0.0/30 has no host 3, which a gateway needs: "
            "use a shorter prefix, or fewer datacentres",
            id="no room for addresses",
        ),
        pytest.param(
            {"egress": "10.112.9.0/24"},
            "fabric.vips 10.112.0.0/16 overlaps fabric.egress 10.112.9.0/24: "
            "move one of them elsewhere",
            id="ranges that overlap",
        ),
        pytest.param(
            {"node_pods_prefix_length": 28, "twin": {"pods_per_node": 5}},
            f"{FIELD} adds a pod to each of the twin's nodes, and a /28 has room for 5: "
            "have fewer others, or shorten fabric.node_pods_prefix_length",
            id="no room for pods",
        ),
    ],
)
def test_a_fabric_that_has_no_place_for_it_is_refused(fabric: dict[str, Any], said: str) -> None:
    assert refusals({**fabric, "egress_gateway": {}}) == [said]


@pytest.mark.parametrize(("version", "is_refused"), [("1.18.12", True), ("1.19.0", False)])
def test_a_cilium_that_announces_no_interfaces_is_refused(version: str, is_refused: bool) -> None:
    cilium = {"version": version}
    try:
        load({"egress_gateway": {}}, substrate="libvirt", libvirt={"cilium": cilium})
        said = []
    except ConfigurationError as error:
        said = [str(problem) for problem in error.problems]
    assert said == is_refused * [
        "libvirt.cilium.version 1.18.12 cannot announce egress addresses, and "
        f"{FIELD} is given: use 1.19 or later"
    ]


def test_without_a_cluster_there_are_no_gateways() -> None:
    loaded = load({"egress_gateway": {}}, substrate="libvirt", libvirt={"cluster": False})
    egress = make_plan(loaded).egress_gateway
    assert egress is not None
    assert egress.gateways == ()


def test_everywhere_is_a_destination_although_no_machine_could_have_it() -> None:
    assert decided().destinations == (IPv4Network("0.0.0.0/0"),)
