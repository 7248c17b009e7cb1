"""What a node announces of services, rule by rule, as Cilium's BGP control plane does."""

from collections.abc import Collection
from ipaddress import IPv4Address
from typing import Any

import pytest

from config.families import Family
from config.load import load
from config.plan import make_plan
from config.services import announcements
from render import services as rendered
from render.artifacts import render
from twin import cilium
from twin.services import announced, services

# Manifests are YAML, which is untyped by nature.
Written = dict[str, Any]

POOL = {
    "kind": "CiliumLoadBalancerIPPool",
    "metadata": {"name": "p"},
    "spec": {"blocks": [{"cidr": "10.112.0.0/16"}], "allowFirstLastIPs": "No"},
}


def service(**spec: object) -> Written:
    return {
        "kind": "Service",
        "metadata": {"name": "web", "labels": {"app": "web"}},
        "spec": {
            "type": "LoadBalancer",
            "clusterIP": "10.96.0.20",
            "externalIPs": ["10.114.0.1"],
            "ports": [{"port": 80}],
            **spec,
        },
    }


def endpoint(node: str) -> Written:
    return {
        "addresses": ["10.129.21.10"],
        "nodeName": node,
        "zone": "ams",
        "targetRef": {"name": f"{node}-pod1"},
    }


SLICE: Written = {
    "kind": "EndpointSlice",
    "metadata": {"name": "web", "labels": {"kubernetes.io/service-name": "web"}},
    "ports": [{"port": 8080}],
    "endpoints": [endpoint("n1"), endpoint("n2")],
}
ALL = frozenset({"n1-pod1", "n2-pod1"})
VIP, CLUSTER_IP, EXTERNAL_IP = "10.112.0.1/32", "10.96.0.20/32", "10.114.0.1/32"


def advertisement(*addresses: str, **options: object) -> Written:
    return {
        "advertisementType": "Service",
        "service": {"addresses": list(addresses or ("LoadBalancerIP",)), **options},
        "selector": {},
    }


def by(
    entry: Written,
    *,
    node: str = "n1",
    ready: frozenset[str] = ALL,
    without_endpoints: bool = False,
    **spec: object,
) -> set[str]:
    of = services([service(**spec), SLICE, POOL], [Family.IPV4])
    found = announced(entry, of, node=node, ready=ready, without_endpoints=without_endpoints)
    return {str(prefix) for prefix in found}


def test_a_service_is_its_addresses_and_the_pods_behind_it() -> None:
    (found,) = services([service(), SLICE, POOL], [Family.IPV4])
    assert {(f.kind, str(f.address), f.port) for f in found.frontends} == {
        ("LoadBalancerIP", "10.112.0.1", 80),
        ("ClusterIP", "10.96.0.20", 80),
        ("ExternalIP", "10.114.0.1", 80),
    }
    assert [(e.pod, e.node, e.addresses, e.port) for e in found.endpoints] == [
        ("n1-pod1", "n1", (IPv4Address("10.129.21.10"),), 8080),
        ("n2-pod1", "n2", (IPv4Address("10.129.21.10"),), 8080),
    ]


DUAL_POOL = {**POOL, "spec": {"blocks": [{"cidr": "10.112.0.0/16"}, {"cidr": "fd00:70::/112"}]}}
DUAL = {
    "ipFamilyPolicy": "RequireDualStack",
    "ipFamilies": ["IPv4", "IPv6"],
    "clusterIPs": ["10.96.0.20", "fd00:60::20"],
    "externalIPs": ["10.114.0.1", "fd00:72::1"],
}


def slice_of_ipv6(*nodes: str) -> Written:
    """The EndpointSlice of the other family: of pods on these nodes."""
    entries = [{**endpoint(node), "addresses": ["fd00:81::a"]} for node in nodes]
    return {**SLICE, "metadata": {**SLICE["metadata"], "name": "web-6"}, "endpoints": entries}


def dual(
    entry: Written,
    *nodes: str,
    families: Collection[Family] = tuple(Family),
    node: str = "n1",
    **spec: object,
) -> set[str]:
    documents = [service(**{**DUAL, **spec}), SLICE, slice_of_ipv6(*nodes), DUAL_POOL]
    of = services(documents, families)
    found = announced(entry, of, node=node, ready=ALL, without_endpoints=False)
    return {str(prefix) for prefix in found}


def test_a_service_of_two_families_has_addresses_of_each_and_so_have_its_pods() -> None:
    (found,) = services(
        [service(**DUAL), SLICE, slice_of_ipv6("n1", "n2"), DUAL_POOL], tuple(Family)
    )
    assert {(f.kind, str(f.address)) for f in found.frontends} == {
        ("LoadBalancerIP", "10.112.0.0"),
        ("LoadBalancerIP", "fd00:70::"),
        ("ClusterIP", "10.96.0.20"),
        ("ClusterIP", "fd00:60::20"),
        ("ExternalIP", "10.114.0.1"),
        ("ExternalIP", "fd00:72::1"),
    }
    assert [(e.pod, [str(address) for address in e.addresses]) for e in found.endpoints] == [
        ("n1-pod1", ["10.129.21.10", "fd00:81::a"]),
        ("n2-pod1", ["10.129.21.10", "fd00:81::a"]),
    ]


def test_a_service_is_announced_in_each_family() -> None:
    entry = advertisement("LoadBalancerIP", "ClusterIP", "ExternalIP")
    assert dual(entry, "n1", "n2") == {
        *("10.112.0.0/32", "10.96.0.20/32", "10.114.0.1/32"),
        *("fd00:70::/128", "fd00:60::20/128", "fd00:72::1/128"),
    }


def test_addresses_of_a_family_that_is_off_are_left_out() -> None:
    entry = advertisement("ClusterIP", "ExternalIP")
    only = dual(entry, "n1", "n2", families=[Family.IPV6])
    assert only == {"fd00:60::20/128", "fd00:72::1/128"}


def test_an_address_without_pods_of_its_family_is_withdrawn() -> None:
    assert dual(advertisement("ExternalIP")) == {"10.114.0.1/32"}


def test_local_looks_at_the_pods_of_each_family() -> None:
    entry = advertisement("ExternalIP")
    found = dual(entry, "n2", node="n1", externalTrafficPolicy="Local")
    assert found == {"10.114.0.1/32"}
    found = dual(entry, "n2", node="n2", externalTrafficPolicy="Local")
    assert found == {"10.114.0.1/32", "fd00:72::1/128"}


def test_each_family_is_aggregated_by_its_own_length() -> None:
    entry = advertisement("ExternalIP", aggregationLengthIPv6=120)
    assert dual(entry, "n1") == {"10.114.0.1/32", "fd00:72::/120"}
    entry = advertisement("ExternalIP", aggregationLengthIPv4=24)
    assert dual(entry, "n1") == {"10.114.0.0/24", "fd00:72::1/128"}
    local = dual(
        advertisement("ExternalIP", aggregationLengthIPv6=120), "n1", externalTrafficPolicy="Local"
    )
    assert local == {"10.114.0.1/32", "fd00:72::1/128"}


@pytest.mark.parametrize(
    ("addresses", "prefixes"),
    [
        (["LoadBalancerIP"], {VIP}),
        (["ClusterIP"], {CLUSTER_IP}),
        (["ExternalIP"], {EXTERNAL_IP}),
        (["LoadBalancerIP", "ClusterIP", "ExternalIP"], {VIP, CLUSTER_IP, EXTERNAL_IP}),
    ],
)
def test_the_kinds_of_addresses_that_are_named_are_announced(
    addresses: list[str], prefixes: set[str]
) -> None:
    assert by(advertisement(*addresses)) == prefixes


def test_any_node_announces_for_all_where_the_policy_is_cluster() -> None:
    assert by(advertisement(), node="n9") == {VIP}


@pytest.mark.parametrize(("node", "prefixes"), [("n1", {VIP}), ("n9", set())])
def test_only_nodes_with_a_pod_announce_where_the_policy_is_local(
    node: str, prefixes: set[str]
) -> None:
    assert by(advertisement(), node=node, externalTrafficPolicy="Local") == prefixes


def test_a_pod_that_does_not_answer_is_none() -> None:
    ready = frozenset({"n2-pod1"})
    assert by(advertisement(), ready=ready) == {VIP}
    assert by(advertisement(), ready=ready, externalTrafficPolicy="Local") == set()


def test_a_cluster_ip_follows_the_internal_policy() -> None:
    entry = advertisement("ClusterIP")
    assert by(entry, node="n9", externalTrafficPolicy="Local") == {CLUSTER_IP}
    assert by(entry, node="n9", internalTrafficPolicy="Local") == set()


@pytest.mark.parametrize("routable", [True, False])
def test_whether_a_service_without_pods_is_announced_is_a_setting(routable: bool) -> None:
    nobody: frozenset[str] = frozenset()
    found = by(advertisement(), ready=nobody, without_endpoints=routable)
    assert found == ({VIP} if routable else set())
    local = by(
        advertisement(),
        ready=nobody,
        without_endpoints=routable,
        externalTrafficPolicy="Local",
    )
    assert local == set()


def test_aggregates_are_announced_instead_of_addresses_but_never_for_local() -> None:
    entry = advertisement("LoadBalancerIP", "ExternalIP", aggregationLengthIPv4=24)
    assert by(entry) == {"10.112.0.0/24", "10.114.0.0/24"}
    assert by(entry, externalTrafficPolicy="Local") == {VIP, EXTERNAL_IP}


@pytest.mark.parametrize(
    ("selector", "prefixes"),
    [
        ({"matchLabels": {"app": "web"}}, {VIP}),
        ({"matchLabels": {"app": "other"}}, set()),
    ],
)
def test_services_are_selected_by_their_labels(selector: Written, prefixes: set[str]) -> None:
    assert by({**advertisement(), "selector": selector}) == prefixes


def test_without_a_selector_nothing_is_announced() -> None:
    entry = advertisement()
    del entry["selector"]
    assert by(entry) == set()


def test_a_service_without_an_address_from_a_pool_is_not_announced() -> None:
    assert by(advertisement(), type="ClusterIP") == set()


@pytest.mark.parametrize("families", [["ipv4"], ["ipv4", "ipv6"], ["ipv6", "ipv4"], ["ipv6"]])
def test_what_is_rendered_is_announced_as_planned(families: list[str]) -> None:
    demo = [
        {"external_traffic_policy": "Local", "replicas": 2},
        {"name": "b", "datacentre": "dc1"},
    ]
    announce = ["LoadBalancerIP", "ExternalIP", "ClusterIP"]
    settings = {"announce": announce, "demo": demo}
    plan = make_plan(load({"families": families, "load_balancing": settings}))
    artifacts = render(plan)
    documents = [d for item in artifacts.demo for d in (item.service, *item.endpoint_slices)]
    of = services([*documents, *artifacts.pools], cilium.families(artifacts.helm_values))
    entry = rendered.advertisement(plan)
    assert entry
    ready = frozenset(endpoint.pod for found in of for endpoint in found.endpoints)
    by_node = {
        node.name: announced(entry, of, node=node.name, ready=ready, without_endpoints=False)
        for node in plan.nodes
    }
    assert {
        prefix: frozenset(name for name, found in by_node.items() if prefix in found)
        for prefix in set().union(*by_node.values())
    } == announcements(plan.load_balancing, plan.sites)
