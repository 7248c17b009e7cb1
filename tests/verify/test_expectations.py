"""What one should see on every machine: tables written out by hand."""

from collections.abc import Mapping

import pytest

from config.load import load
from config.plan import Plan, make_plan
from tests.config.strategies import second_peering
from verify.expectations import expectations
from verify.model import Expected, Kind

DEFAULT = make_plan(load())
SHARED = make_plan(load({"datacentres": [{"routers": 2, "nodes": 1}] * 2}))


def table(plan: Plan, machine: str) -> dict[str, str]:
    """A machine's table, the ways of a route with a plus between them."""
    routes = expectations(plan)[machine].routes
    return {prefix: "+".join(sorted(ways)) for prefix, ways in routes.items()}


#: Where whatever belongs to the fabric and is not known ends.
ENDS = {
    "10.1.0.0/16": "unreachable",
    "10.128.0.0/9": "unreachable",
    "10.96.0.0/12": "unreachable",
    "10.112.0.0/16": "unreachable",
    "10.113.0.0/16": "unreachable",
}


def test_every_machine_of_the_default_fabric_is_expected_once() -> None:
    found = expectations(DEFAULT)
    assert {name: machine.kind.value for name, machine in found.items()} == {
        "dc1-router1": "router",
        "dc2-router1": "router",
        "dc1-controlplane1": "node",
        "dc1-worker1": "node",
        "dc2-worker1": "node",
        "dc2-worker2": "node",
        "dc1-controlplane1-pod1": "pod",
        "dc1-worker1-pod1": "pod",
        "dc2-worker1-pod1": "pod",
        "dc2-worker2-pod1": "pod",
        "internet": "host",
    }
    assert all(name == machine.machine for name, machine in found.items())


def test_a_router_knows_its_own_pods_by_nodes_and_the_others_by_their_router() -> None:
    assert table(DEFAULT, "dc1-router1") == {
        **ENDS,
        "default": "172.31.0.1",
        "10.1.1.0/24": "br-lan",
        "172.31.0.0/22": "eth1",
        "172.30.0.0/22": "eth2",
        "10.129.0.0/16": "unreachable",
        "10.129.11.0/24": "10.1.1.11",
        "10.129.21.0/24": "10.1.1.21",
        "10.1.2.0/24": "172.30.0.3",
        "10.130.21.0/24": "172.30.0.3",
        "10.130.22.0/24": "172.30.0.3",
    }


def test_a_node_knows_its_neighbors_pods_and_leaves_the_rest_to_the_gateway() -> None:
    assert table(DEFAULT, "dc2-worker1") == {
        "default": "10.1.2.1",
        "10.1.2.0/24": "eth0",
        "10.130.21.0/24": "unreachable",
        "10.130.21.10": "lxc1",
        "10.130.22.0/24": "10.1.2.22",
    }


def test_a_pod_goes_everywhere_by_its_node() -> None:
    assert table(DEFAULT, "dc1-worker1-pod1") == {"default": "10.129.21.1", "10.129.21.1": "eth0"}


def test_the_wans_host_knows_the_wan_alone() -> None:
    assert table(DEFAULT, "internet") == {"172.31.0.0/22": "eth0"}


def test_the_others_routers_are_ways_side_by_side() -> None:
    both = "172.30.0.3+172.30.0.4"
    for router in ("dc1-router1", "dc1-router2"):
        found = table(SHARED, router)
        assert found["10.1.2.0/24"] == both
        assert found["10.130.21.0/24"] == both


def test_a_router_does_not_go_by_the_other_router_of_its_datacentre() -> None:
    found = table(SHARED, "dc1-router2")
    assert found["10.1.1.0/24"] == "br-lan"
    assert found["10.129.11.0/24"] == "10.1.1.11"
    assert not any("172.30.0.1" in ways.split("+") for ways in found.values())


def test_a_node_goes_by_the_one_gateway_however_many_routers_share_it() -> None:
    assert table(SHARED, "dc2-worker1")["default"] == "10.1.2.1"


EGRESS = make_plan(load({"datacentres": [{"routers": 2}, {}], "egress_gateway": {}}))


def test_egress_addresses_are_reached_by_their_gateways_nodes_or_by_their_routers() -> None:
    for router in ("dc1-router1", "dc1-router2"):
        assert table(EGRESS, router)["10.113.0.1"] == "10.1.1.21"
        assert table(EGRESS, router)["10.113.0.2"] == "172.30.0.3"
    assert table(EGRESS, "dc2-router1")["10.113.0.1"] == "172.30.0.1+172.30.0.2"


def test_in_each_family_egress_addresses_are_reached_by_their_own_ways() -> None:
    fabric = {"families": ["ipv4", "ipv6"], "egress_gateway": {}}
    plan = make_plan(load(fabric))
    address = "fd75:6e64:6572:71::1"
    assert table(plan, "dc1-router1")[address] == "fd75:6e64:6572:101::15"
    assert table(plan, "dc2-router1")[address] == "fd75:6e64:6572:1e::1"
    assert table(plan, "internet")[address] == "fd75:6e64:6572:1f::a"


def test_the_wans_host_answers_egress_addresses_by_the_first_router_of_their_datacentre() -> None:
    assert table(EGRESS, "internet") == {
        "172.31.0.0/22": "eth0",
        "10.113.0.1": "172.31.0.10",
        "10.113.0.2": "172.31.0.12",
    }


def test_sessions_are_those_of_the_plan_at_both_ends() -> None:
    found = expectations(SHARED)
    assert found["dc1-router1"].sessions == {
        "172.30.0.2": "dc1-router2",
        "172.30.0.3": "dc2-router1",
        "172.30.0.4": "dc2-router2",
        "10.1.1.11": "dc1-controlplane1",
    }
    assert found["dc2-worker1"].sessions == {"10.1.2.2": "dc2-router1", "10.1.2.3": "dc2-router2"}


def test_bfd_follows_the_sessions_between_routers() -> None:
    pairs = {"datacentres": [{"routers": 2, "nodes": 1}] * 2}
    on = make_plan(load({**pairs, "redundancy": {"bfd": {"enabled": True}}}))
    found = expectations(on)
    assert found["dc1-router1"].bfd == {
        "172.30.0.2": "dc1-router2",
        "172.30.0.3": "dc2-router1",
        "172.30.0.4": "dc2-router2",
    }
    assert found["dc2-worker1"].bfd == {}
    assert expectations(SHARED)["dc1-router1"].bfd == {}


def test_two_networks_between_routers_are_ways_side_by_side() -> None:
    redundancy = {"second_peering": "172.29.0.0/22", "bfd": {"enabled": True}}
    plan = make_plan(load({"datacentres": 9, "redundancy": redundancy}))
    found = table(plan, "dc1-router1")
    assert found["172.29.0.0/22"] == "eth3"
    assert found["10.1.2.0/24"] == "172.29.0.3+172.30.0.3"
    assert len(expectations(plan)["dc9-router1"].bfd) == 4, "two reflectors, each on two networks"


def test_two_networks_between_routers_are_ways_side_by_side_in_each_family() -> None:
    families = ["ipv4", "ipv6"]
    redundancy = {**second_peering(families), "bfd": {"enabled": True}}
    fabric = {"datacentres": 2, "families": families, "redundancy": redundancy}
    plan = make_plan(load(fabric))
    found = table(plan, "dc1-router1")
    assert found["fd75:6e64:6572:1d::/64"] == "eth3"
    assert found["10.1.2.0/24"] == "172.29.0.3+172.30.0.3"
    ways = "fd75:6e64:6572:1d::3+fd75:6e64:6572:1e::3"
    assert found["fd75:6e64:6572:102::/64"] == ways
    assert len(expectations(plan)["dc1-router1"].bfd) == 4


@pytest.mark.parametrize("kind", [Kind.POD, Kind.HOST])
def test_pods_and_the_wans_host_speak_no_bgp(kind: Kind) -> None:
    machines = [m for m in expectations(DEFAULT).values() if m.kind is kind]
    assert machines
    assert not any(machine.sessions for machine in machines)


def test_more_pods_on_a_node_are_more_routes() -> None:
    plan = make_plan(load({"datacentres": 1, "twin": {"pods_per_node": 3}}))
    found = table(plan, "dc1-worker1")
    assert {p: w for p, w in found.items() if w.startswith("lxc")} == {
        "10.129.21.10": "lxc1",
        "10.129.21.11": "lxc2",
        "10.129.21.12": "lxc3",
    }
    assert "dc1-worker1-pod3" in expectations(plan)


def test_a_lan_apart_from_the_common_range_ends_at_the_other_routers_too() -> None:
    plan = make_plan(load({"datacentres": [{"lan": "192.168.7.0/24"}, {}, {}]}))
    assert table(plan, "dc2-router1")["192.168.7.0/24"] == "172.30.0.1"


def test_of_many_datacentres_each_router_is_reached_directly() -> None:
    """Reflectors reflect, and stay out of the traffic."""
    plan = make_plan(load({"datacentres": 9}))
    far: Expected = expectations(plan)["dc9-router1"]
    assert len(far.sessions) == 2 + 2
    assert table(plan, "dc9-router1")["10.1.8.0/24"] == "172.30.0.15"


def of_services(services: Mapping[str, object], machine: str, **fabric: object) -> dict[str, str]:
    """The routes of a machine that are not there without services."""
    with_them = table(make_plan(load({**fabric, "load_balancing": services})), machine)
    without = table(make_plan(load(fabric)), machine)
    return {prefix: way for prefix, way in with_them.items() if prefix not in without}


_LOCAL = {"demo": [{"datacentre": "dc2", "external_traffic_policy": "Local", "replicas": 1}]}


def test_a_service_is_reached_by_all_own_nodes() -> None:
    demo = {"demo": True}
    assert of_services(demo, "dc1-router1") == {"10.112.0.1": "10.1.1.11+10.1.1.21"}
    assert of_services(demo, "dc2-router1") == {"10.112.0.1": "10.1.2.21+10.1.2.22"}


def test_where_no_own_node_announces_a_service_the_way_is_by_the_routers_whose_nodes_do() -> None:
    assert of_services(_LOCAL, "dc2-router1") == {"10.112.0.1": "10.1.2.21"}
    assert of_services(_LOCAL, "dc1-router1") == {"10.112.0.1": "172.30.0.3"}
    pairs = [{"routers": 2}, {"routers": 2}]
    assert of_services(_LOCAL, "dc1-router2", datacentres=pairs) == {
        "10.112.0.1": "172.30.0.3+172.30.0.4"
    }


def test_the_shorter_path_within_the_own_as_is_preferred() -> None:
    datacentres = [{"router_asn": 65010}, {"nodes": 0, "router_asn": 65010}, {}]
    assert of_services({"demo": True}, "dc2-router1", datacentres=datacentres) == {
        "10.112.0.1": "172.30.0.1"
    }


def test_an_aggregate_is_one_route_and_what_is_not_in_use_ends_at_the_router() -> None:
    services = {
        "announce": ["LoadBalancerIP", "ExternalIP"],
        "aggregation_length": 24,
        "demo": [{}, {"name": "b"}],
    }
    nodes = "10.1.1.11+10.1.1.21"
    assert of_services(services, "dc1-router1") == {
        "10.112.0.0/24": nodes,
        "10.114.0.0/24": nodes,
        "10.114.0.0/16": "unreachable",
    }


def test_the_wans_host_knows_services_where_it_may_come_in() -> None:
    assert of_services({"demo": True}, "internet", management=["172.31.0.0/22"]) == {}
    found = table(make_plan(load({"management": ["172.31.0.1/32"]})), "internet")
    assert found["10.112.0.0/16"] == "172.31.0.10"


@pytest.mark.parametrize(
    ("pod_routes", "far"),
    [
        ("each", {"10.130.21.0/24": "172.30.0.3", "10.130.22.0/24": "172.30.0.3"}),
        ("summary", {"10.130.0.0/16": "172.30.0.3"}),
        ("none", {}),
    ],
)
def test_what_a_router_knows_of_far_pods_is_a_setting(pod_routes: str, far: dict[str, str]) -> None:
    found = table(make_plan(load({"pod_routes": pod_routes})), "dc1-router1")
    assert {p: way for p, way in found.items() if p.startswith("10.130.")} == far
    assert found["10.129.21.0/24"] == "10.1.1.21"
