"""What is decided of services, and each setting of theirs that is refused."""

from ipaddress import IPv4Address, IPv4Network
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from config.load import load
from config.load_balancing import AddressType
from config.plan import Plan, make_plan
from config.services import Service, announcements
from tests.config.refusals import refusals

many = settings(max_examples=60, deadline=None)


def planned(services: dict[str, Any] | None = None, **fabric: object) -> Plan:
    return make_plan(load({**fabric, "load_balancing": services or {}}))


def demo(services: dict[str, Any], **fabric: object) -> tuple[Service, ...]:
    return planned(services, **fabric).load_balancing.demo


def refused(services: dict[str, Any], **fabric: object) -> list[str]:
    return refusals({**fabric, "load_balancing": services})


def pods(service: Service) -> list[str]:
    return [backend.pod for backend in service.backends]


def test_there_is_one_pool_of_the_whole_range_and_no_service_unless_asked_for() -> None:
    services = planned().load_balancing
    assert [(pool.name, str(pool.cidr)) for pool in services.pools] == [("fabric", "10.112.0.0/16")]
    assert services.announced == ((IPv4Network("10.112.0.0/16"), 32),)
    assert services.demo == ()


def test_a_pool_for_each_datacentre_is_the_block_of_its_index() -> None:
    datacentres = [{"name": "ams", "index": 7}, {"name": "fra", "index": 2}]
    pools = planned({"pools": "per-datacentre"}, datacentres=datacentres).load_balancing.pools
    assert [(pool.name, str(pool.cidr), pool.datacentre) for pool in pools] == [
        ("fra", "10.112.2.0/24", "fra"),
        ("ams", "10.112.7.0/24", "ams"),
    ]


def test_the_demo_is_the_articles_nginx_on_three_pods() -> None:
    (service,) = demo({"demo": True})
    assert (service.name, service.port, str(service.vip)) == ("nginx", 80, "10.112.0.1")
    assert pods(service) == ["dc1-worker1-pod1", "dc2-worker1-pod1", "dc2-worker2-pod1"]
    assert [str(backend.address) for backend in service.backends] == [
        "10.129.21.10",
        "10.130.21.10",
        "10.130.22.10",
    ]


def test_control_planes_carry_pods_only_where_there_are_no_workers() -> None:
    (service,) = demo({"demo": True}, datacentres=[{"nodes": {"controlplanes": 3}}])
    assert pods(service) == [f"dc1-controlplane{number}-pod1" for number in (1, 2, 3)]


def test_pods_of_one_datacentre_stay_there_and_its_nodes_get_as_many_as_it_takes() -> None:
    plan = planned({"demo": [{"datacentre": "dc1"}, {"name": "b", "datacentre": "dc1"}]})
    first, second = plan.load_balancing.demo
    assert pods(first) == [f"dc1-worker1-pod{number}" for number in (1, 2, 3)]
    assert pods(second) == [f"dc1-worker1-pod{number}" for number in (4, 5, 6)]
    assert plan.pods_per_node == 6


@many
@given(
    replicas=st.lists(st.integers(1, 9), min_size=1, max_size=4),
    nodes=st.lists(st.integers(2, 4), min_size=1, max_size=3),
)
def test_no_pod_is_behind_two_services_and_no_node_has_two_more_than_another(
    replicas: list[int], nodes: list[int]
) -> None:
    services = [{"name": f"s{n}", "replicas": count} for n, count in enumerate(replicas)]
    plan = planned({"demo": services}, datacentres=[{"nodes": count} for count in nodes])
    everybody = [pod for service in plan.load_balancing.demo for pod in pods(service)]
    assert len(set(everybody)) == len(everybody) == sum(replicas)
    for service in plan.load_balancing.demo:
        counts = [
            sum(backend.node == node.name for backend in service.backends)
            for node in plan.nodes
            if "worker" in node.name
        ]
        assert max(counts) - min(counts) <= 1


@many
@given(st.permutations(["a", "b", "c"]), st.booleans())
def test_a_services_addresses_follow_from_its_index_and_not_from_the_others(
    order: list[str], all_kinds: bool
) -> None:
    announce = list(AddressType) if all_kinds else ["LoadBalancerIP"]
    written = {name: {"name": name, "index": number * 10} for number, name in enumerate("abc", 1)}
    settings = {"announce": announce, "demo": [written[name] for name in order]}
    alone = {"announce": announce, "demo": [written["b"]]}
    (wanted,) = demo(alone)
    (found,) = (service for service in demo(settings) if service.name == "b")
    assert found.addresses == wanted.addresses
    assert str(found.vip) == "10.112.0.20"


def test_an_address_that_is_asked_for_is_given() -> None:
    assert [str(s.vip) for s in demo({"demo": [{"address": "10.112.7.7"}, {"name": "b"}]})] == [
        "10.112.7.7",
        "10.112.0.2",
    ]


def test_external_ips_and_cluster_ips_are_fixed_where_they_are_announced() -> None:
    (service,) = demo({"announce": ["ExternalIP", "ClusterIP"], "demo": True})
    assert {kind.value: str(address) for kind, address in service.addresses.items()} == {
        "LoadBalancerIP": "10.112.0.1",
        "ExternalIP": "10.114.0.1",
        "ClusterIP": "10.96.0.11",
    }


def announced(services: dict[str, Any]) -> dict[str, list[str]]:
    plan = planned(services)
    found = announcements(plan.load_balancing, plan.sites)
    return {str(prefix): sorted(nodes) for prefix, nodes in found.items()}


EVERYONE = ["dc1-controlplane1", "dc1-worker1", "dc2-worker1", "dc2-worker2"]


def test_any_node_announces_a_service_and_with_local_those_that_have_a_pod_of_it() -> None:
    local = {"name": "local", "datacentre": "dc2", "external_traffic_policy": "Local"}
    assert announced({"demo": [{}, local]}) == {
        "10.112.0.1/32": EVERYONE,
        "10.112.0.2/32": ["dc2-worker1", "dc2-worker2"],
    }


def test_local_is_not_about_cluster_ips() -> None:
    services = {"announce": ["ClusterIP"], "demo": [{"external_traffic_policy": "Local"}]}
    assert announced(services) == {"10.96.0.11/32": EVERYONE}


def test_services_of_one_aggregate_are_one_route() -> None:
    services = {"aggregation_length": 24, "demo": [{}, {"name": "b"}]}
    assert announced(services) == {"10.112.0.0/24": EVERYONE}


_DEMO = "fabric.load_balancing.demo[0]"


@pytest.mark.parametrize(
    ("services", "message"),
    [
        (
            {"pools": "each"},
            "pools each is none of the choices: write 'fabric' or 'per-datacentre'",
        ),
        (
            {"announce": ["NodePort"]},
            "announce[0] NodePort is none of the choices: "
            "write 'LoadBalancerIP', 'ExternalIP' or 'ClusterIP'",
        ),
        (
            {"announce": ["ClusterIP", "ClusterIP"]},
            "announce[1] ClusterIP is there twice: write it once",
        ),
        (
            {"selector": {"a b": "c"}},
            "selector {'a b': 'c'} has a b, which is no key of a label: write a key such as app",
        ),
        (
            {"selector": {"app": "-"}},
            "selector {'app': '-'} has -, which is no value of a label: "
            "use letters, digits, and -_. between them",
        ),
        ({"aggregation_length": 32}, "aggregation_length 32 is too large: write 31 or less"),
        (
            {"aggregation_length": 12},
            "aggregation_length 12 would announce more than fabric.vips, which is a /16: "
            "write 16 or more",
        ),
        (
            {"aggregation_length": 20, "pools": "per-datacentre"},
            "aggregation_length 20 would announce more than "
            "fabric.load_balancing.pool_prefix_length, which is a /24: write 24 or more",
        ),
        (
            {"aggregation_length": 24, "demo": [{"external_traffic_policy": "Local"}]},
            "demo[0].external_traffic_policy Local is never aggregated by Cilium, and "
            "fabric.load_balancing.aggregation_length is 24: "
            "use Cluster, or leave aggregation_length out",
        ),
        (
            {"announce": ["ExternalIP"], "external_ips": "10.1.0.0/16"},
            "external_ips 10.1.0.0/16 overlaps fabric.lans 10.1.0.0/16: move one of them elsewhere",
        ),
        (
            {"demo": "yes please"},
            "demo yes please is neither yes or no nor a list: "
            "write demo: true, or a list of services",
        ),
        (
            {"demo": [{"external_traffic_policy": "Global"}]},
            "demo[0].external_traffic_policy Global is none of the choices: "
            "write 'Cluster' or 'Local'",
        ),
        (
            {"demo": [{}, {}]},
            f"demo[1].name nginx is already that of {_DEMO}: give each service its own name",
        ),
        (
            {"demo": [{"index": 4}, {"name": "b", "index": 4}]},
            f"demo[1].index 4 is already that of {_DEMO}: give each service its own index",
        ),
        (
            {"demo": [{"datacentre": "ams"}]},
            "demo[0].datacentre ams is no datacentre of the fabric: name one of dc1, dc2",
        ),
        (
            {"demo": True, "pools": "per-datacentre"},
            "demo[0].datacentre is not given, and each datacentre has its own pool: "
            "name one of dc1, dc2",
        ),
        (
            {"demo": [{"address": "ten"}]},
            "demo[0].address ten is not an address: write an IPv4 address such as 10.112.0.10",
        ),
        (
            {"demo": [{"address": "10.113.0.9"}]},
            "demo[0].address 10.113.0.9 is not in 10.112.0.0/16, the pool of its VIPs: "
            "ask for one of that, or for none",
        ),
        (
            {"demo": [{"address": "10.112.1.9", "datacentre": "dc2"}], "pools": "per-datacentre"},
            "demo[0].address 10.112.1.9 is not in 10.112.2.0/24, the pool of its VIPs: "
            "ask for one of that, or for none",
        ),
        (
            {"demo": [{"address": "10.112.0.0"}]},
            "demo[0].address 10.112.0.0 is the first or last of 10.112.0.0/16, which the pool "
            "does not hand out: ask for one between them",
        ),
        (
            {"demo": [{"address": "10.112.0.2"}, {"name": "b"}]},
            "demo[0].address 10.112.0.2 is also that of fabric.load_balancing.demo[1]: "
            "ask for another, or for none",
        ),
        (
            {"demo": [{"replicas": 1000}]},
            "demo puts 334 pods on a node, and a /24 has room for 245: "
            "have fewer replicas, or more nodes",
        ),
    ],
)
def test_what_would_not_work_is_refused(services: dict[str, Any], message: str) -> None:
    assert refused(services) == [f"fabric.load_balancing.{message}"]


def test_a_pool_that_is_too_small_is_refused() -> None:
    assert refused({"demo": [{"index": 7}]}, vips="10.112.0.0/29") == [
        "fabric.vips 10.112.0.0/29 has no host 7, which the service nginx needs: "
        "use a shorter prefix, or lower indexes of services"
    ]


def test_a_range_without_room_for_every_datacentres_pool_is_refused() -> None:
    assert refused({"pools": "per-datacentre"}, vips="10.112.0.0/23") == [
        "fabric.vips 10.112.0.0/23 has room for 1 datacentres of a /24 each, not for number 2: "
        "use a shorter prefix, or fewer datacentres"
    ]


def test_a_pool_that_overlaps_another_range_is_refused() -> None:
    assert refused({}, vips="10.128.0.0/16") == [
        "fabric.pods 10.128.0.0/9 overlaps fabric.vips 10.128.0.0/16: move one of them elsewhere"
    ]


def test_a_service_in_a_datacentre_that_carries_no_pods_is_refused() -> None:
    datacentres = [{"name": "ams", "nodes": {"controlplanes": 1}}, {"name": "fra"}]
    assert refused({"demo": [{"datacentre": "ams"}]}, datacentres=datacentres) == [
        f"{_DEMO}.datacentre ams has no nodes that carry pods: add workers there, or name another"
    ]


def test_services_across_datacentres_that_do_not_know_each_others_pods_are_refused() -> None:
    assert refused({"demo": True}, pod_routes="none") == [
        "fabric.pod_routes none leaves nodes without a way to the pods of services in other "
        "datacentres: use each or summary, or no fabric.load_balancing.demo"
    ]
    assert demo({"demo": True}, pod_routes="none", datacentres=1)


def test_what_is_written_down_and_loaded_again_is_the_same() -> None:
    services = {"announce": list(AddressType), "demo": [{"address": "10.112.0.9"}, {"name": "b"}]}
    loaded = load({"load_balancing": services, "pod_routes": "summary"})
    written = loaded.fabric.model_dump(mode="json", exclude_defaults=True)
    assert load(written) == loaded
    assert loaded.fabric.load_balancing.demo[0].address == IPv4Address("10.112.0.9")
