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
from tests.config.strategies import second_peering


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
        Gateway("fra", "fra-worker1", (IPv4Address("10.113.0.2"),)),
        Gateway("ams", "ams-worker1", (IPv4Address("10.113.0.7"),)),
    )


def test_the_node_and_the_address_can_be_named() -> None:
    named = {"dc1": {"node": "dc1-controlplane1"}, "dc2": {"address": "10.113.9.9"}}
    assert decided({"gateways": named}).gateways == (
        Gateway("dc1", "dc1-controlplane1", (IPv4Address("10.113.0.1"),)),
        Gateway("dc2", "dc2-worker1", (IPv4Address("10.113.9.9"),)),
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
            f"{FIELD}.destinations[0] 2001:db8::/32 is IPv6, which the fabric has not: "
            "leave it out, or write families: [ipv4, ipv6]",
            id="a destination in IPv6",
        ),
        pytest.param(
            {"gateways": {"dc1": {"address": "2001:db8::1"}}},
            f"{FIELD}.gateways.dc1.address 2001:db8::1 is not an address: "
            "write an IPv4 address such as 10.112.0.10",
            id="an address of IPv6",
        ),
        pytest.param(
            {"gateways": {"dc1": {"ipv6_address": "10.113.0.1"}}},
            f"{FIELD}.gateways.dc1.ipv6_address 10.113.0.1 is not an address: "
            "write an IPv6 address such as fd00:1::a",
            id="an address of IPv4",
        ),
        pytest.param(
            {"gateways": {"dc1": {"ipv6_address": "fd75:6e64:6572:71::1"}}},
            f"{FIELD}.gateways.dc1.ipv6_address fd75:6e64:6572:71::1 is IPv6, which the fabric has "
            "not: leave it out, or write families: [ipv4, ipv6]",
            id="an address of a family that is not there",
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


DUAL = ["ipv4", "ipv6"]
EGRESS_IPV6 = "fd75:6e64:6572:71::"


def test_in_each_family_a_gateway_has_the_address_of_its_datacentres_index() -> None:
    named = {"dc2": {"ipv6_address": f"{EGRESS_IPV6}99"}}
    found = decided({"gateways": named}, families=["ipv6", "ipv4"])
    assert {g.datacentre: [str(address) for address in g.addresses] for g in found.gateways} == {
        "dc1": [f"{EGRESS_IPV6}1", "10.113.0.1"],
        "dc2": [f"{EGRESS_IPV6}99", "10.113.0.2"],
    }
    assert [str(network) for network in found.destinations] == ["::/0", "0.0.0.0/0"]


@pytest.mark.parametrize(
    ("destination", "addresses"),
    [("2001:db8::/32", [f"{EGRESS_IPV6}1"]), ("192.0.2.0/24", ["10.113.0.1"])],
)
def test_where_all_destinations_are_of_one_family_gateways_are_too(
    destination: str, addresses: list[str]
) -> None:
    found = decided({"destinations": [destination]}, families=DUAL)
    gateway = found.of("dc1")
    assert gateway
    assert [str(address) for address in gateway.addresses] == addresses
    assert {network.version for network in found.excluded} == {found.destinations[0].version}


def test_whatever_is_the_fabrics_own_is_left_out_in_each_family() -> None:
    found = decided(
        families=DUAL,
        datacentres=[{}, {"ipv6_lan": "fd00:7::/64"}],
        redundancy=second_peering(DUAL),
    )
    assert [str(n) for n in found.excluded if n.version == 6] == [
        "fd75:6e64:6572:100::/56",
        "fd75:6e64:6572:8000::/49",
        "fd75:6e64:6572:60::/108",
        "fd75:6e64:6572:70::/112",
        "fd75:6e64:6572:71::/112",
        "fd75:6e64:6572:1e::/64",
        "fd75:6e64:6572:1d::/64",
        "fd00:7::/64",
    ]


@pytest.mark.parametrize(
    ("egress", "said"),
    [
        pytest.param(
            {"destinations": ["::/0", "fd75:6e64:6572:8100::/56"]},
            f"{FIELD}.destinations[1] fd75:6e64:6572:8100::/56 is in fd75:6e64:6572:8000::/49, "
            "which is the fabric's own and sees no translated address: "
            "name what is beyond the WAN",
            id="inside",
        ),
        pytest.param(
            {"gateways": {"dc1": {"ipv6_address": "fd00:7::1"}}},
            f"{FIELD}.gateways.dc1.ipv6_address fd00:7::1 is not in fabric.ipv6.egress "
            f"{EGRESS_IPV6}/112: use one of that, or enlarge fabric.ipv6.egress",
            id="an address of another range",
        ),
        pytest.param(
            {"gateways": {"dc1": {"ipv6_address": f"{EGRESS_IPV6}2"}}},
            f"{FIELD}.gateways.dc2.ipv6_address {EGRESS_IPV6}2 is also that of dc1: "
            "give each datacentre its own",
            id="one address for two",
        ),
        pytest.param(
            {
                "destinations": ["0.0.0.0/0"],
                "gateways": {"dc1": {"ipv6_address": f"{EGRESS_IPV6}7"}},
            },
            f"{FIELD}.gateways.dc1.ipv6_address {EGRESS_IPV6}7 is IPv6, and no destination is: "
            "leave it out, or add a destination of IPv6",
            id="an address for nowhere",
        ),
    ],
)
def test_a_setting_that_cannot_work_in_ipv6_is_refused(egress: dict[str, Any], said: str) -> None:
    assert refused(egress, families=DUAL) == [said]


def test_no_room_for_addresses_of_ipv6_is_refused_in_their_range() -> None:
    ranges = {"egress": "fd00:7::/126"}
    assert refused({}, families=DUAL, ipv6=ranges, datacentres=4) == [
        "fabric.ipv6.egress fd00:7::/126 has no host 3, which a gateway needs: "
        "use a shorter prefix, or fewer datacentres"
    ]


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


@pytest.mark.parametrize(
    ("version", "egress", "is_refused"),
    [
        ("1.19.6", {}, True),
        ("1.20.0", {}, False),
        ("1.19.6", {"destinations": ["0.0.0.0/0"]}, False),
    ],
)
def test_a_cilium_whose_policies_take_no_address_of_ipv6_is_refused(
    version: str, egress: dict[str, Any], is_refused: bool
) -> None:
    fabric = {"families": DUAL, "egress_gateway": egress}
    cilium = {"version": version}
    try:
        load(fabric, substrate="libvirt", libvirt={"cilium": cilium})
        said = []
    except ConfigurationError as error:
        said = [str(problem) for problem in error.problems]
    assert said == is_refused * [
        f"libvirt.cilium.version 1.19.6 takes no egress address of IPv6, and {FIELD} has "
        "destinations of it: use 1.20.0, or write destinations of IPv4 alone, such as [0.0.0.0/0]"
    ]


def test_without_a_cluster_there_are_no_gateways() -> None:
    loaded = load({"egress_gateway": {}}, substrate="libvirt", libvirt={"cluster": False})
    egress = make_plan(loaded).egress_gateway
    assert egress is not None
    assert egress.gateways == ()


def test_everywhere_is_a_destination_although_no_machine_could_have_it() -> None:
    assert decided().destinations == (IPv4Network("0.0.0.0/0"),)
