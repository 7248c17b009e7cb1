"""What is decided of services, and each setting of theirs that is refused."""

from ipaddress import IPv4Address, IPv4Network
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from config.families import Family, family_of, of
from config.load import load
from config.load_balancing import AddressType
from config.plan import Plan, make_plan
from config.services import Pool, Service, announcements
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


def cidrs(pool: Pool) -> list[str]:
    return [str(cidr) for cidr in pool.cidrs]


def vips(*services: Service) -> list[str]:
    return [str(vip) for service in services for vip in service.vips]


def test_there_is_one_pool_of_the_whole_range_and_no_service_unless_asked_for() -> None:
    services = planned().load_balancing
    assert [(pool.name, cidrs(pool)) for pool in services.pools] == [("fabric", ["10.112.0.0/16"])]
    assert services.announced == ((IPv4Network("10.112.0.0/16"), 32),)
    assert services.demo == ()


def test_a_pool_for_each_datacentre_is_the_block_of_its_index() -> None:
    datacentres = [{"name": "ams", "index": 7}, {"name": "fra", "index": 2}]
    pools = planned({"pools": "per-datacentre"}, datacentres=datacentres).load_balancing.pools
    assert [(pool.name, cidrs(pool), pool.datacentre) for pool in pools] == [
        ("fra", ["10.112.2.0/24"], "fra"),
        ("ams", ["10.112.7.0/24"], "ams"),
    ]


def test_the_demo_is_the_articles_nginx_on_three_pods() -> None:
    (service,) = demo({"demo": True})
    assert (service.name, service.port, vips(service)) == ("nginx", 80, ["10.112.0.1"])
    assert pods(service) == ["dc1-worker1-pod1", "dc2-worker1-pod1", "dc2-worker2-pod1"]
    assert [str(address) for backend in service.backends for address in backend.addresses] == [
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
    assert vips(found) == ["10.112.0.20"]


def test_an_address_that_is_asked_for_is_given() -> None:
    services = demo({"demo": [{"address": "10.112.7.7"}, {"name": "b"}]})
    assert vips(*services) == ["10.112.7.7", "10.112.0.2"]


def test_external_ips_and_cluster_ips_are_fixed_where_they_are_announced() -> None:
    (service,) = demo({"announce": ["ExternalIP", "ClusterIP"], "demo": True})
    assert {kind.value: str(address) for kind, (address,) in service.addresses.items()} == {
        "LoadBalancerIP": "10.112.0.1",
        "ExternalIP": "10.114.0.1",
        "ClusterIP": "10.96.0.11",
    }


def announced(services: dict[str, Any], **fabric: object) -> dict[str, list[str]]:
    plan = planned(services, **fabric)
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


DUAL, ONLY = ["ipv4", "ipv6"], ["ipv6"]
_PREFIX = "fd75:6e64:6572"


@pytest.mark.parametrize(
    ("families", "ranges"),
    [
        (DUAL, ["10.112.0.0/16", f"{_PREFIX}:70::/112"]),
        (DUAL[::-1], [f"{_PREFIX}:70::/112", "10.112.0.0/16"]),
        (ONLY, [f"{_PREFIX}:70::/112"]),
    ],
)
def test_a_pool_has_a_range_in_each_family(families: list[str], ranges: list[str]) -> None:
    services = planned({"announce": ["LoadBalancerIP"]}, families=families).load_balancing
    assert [(pool.name, cidrs(pool)) for pool in services.pools] == [("fabric", ranges)]
    lengths = {"10.112.0.0/16": 32, f"{_PREFIX}:70::/112": 128}
    announced = [(str(network), length) for network, length in services.announced]
    assert announced == [(network, lengths[network]) for network in ranges]


def test_a_datacentres_pool_is_the_block_of_its_index_in_each_family() -> None:
    datacentres = [{"name": "ams", "index": 31}]
    settings = {"pools": "per-datacentre", "ipv6": {"pool_prefix_length": 121}}
    (pool,) = planned(settings, families=DUAL, datacentres=datacentres).load_balancing.pools
    assert cidrs(pool) == ["10.112.31.0/24", f"{_PREFIX}:70::f80/121"]


def test_a_service_and_its_pods_have_addresses_of_each_family_of_the_same_numbers() -> None:
    settings = {"announce": list(AddressType), "demo": [{"index": 12}]}
    (service,) = demo(settings, families=DUAL[::-1])
    assert {
        kind.value: [str(one) for one in found] for kind, found in service.addresses.items()
    } == {
        "LoadBalancerIP": [f"{_PREFIX}:70::c", "10.112.0.12"],
        "ExternalIP": [f"{_PREFIX}:72::c", "10.114.0.12"],
        "ClusterIP": [f"{_PREFIX}:60::16", "10.96.0.22"],
    }
    assert [str(address) for address in service.backends[0].addresses] == [
        f"{_PREFIX}:8115::a",
        "10.129.21.10",
    ]


def test_an_address_that_is_asked_for_in_one_family_leaves_the_other_alone() -> None:
    (service,) = demo({"demo": [{"ipv6_address": f"{_PREFIX}:70::77"}]}, families=DUAL)
    assert vips(service) == ["10.112.0.1", f"{_PREFIX}:70::77"]


@many
@given(
    st.sampled_from(["fabric", "per-datacentre"]),
    st.lists(st.sampled_from(AddressType), unique=True),
    st.lists(st.integers(1, 200), min_size=1, max_size=4, unique=True),
    st.sampled_from([None, 120]),
)
def test_a_second_family_changes_nothing_of_the_services_of_the_first(
    pools: str, announce: list[AddressType], indexes: list[int], length: int | None
) -> None:
    demo = [{"name": f"s{index}", "index": index, "datacentre": "dc2"} for index in indexes]
    settings = {"pools": pools, "announce": [kind.value for kind in announce], "demo": demo}
    single = planned(settings)
    for families in (DUAL, DUAL[::-1]):
        dual = planned({**settings, "ipv6": {"aggregation_length": length}}, families=families)
        assert services_of_ipv4(dual) == services_of_ipv4(single)


def services_of_ipv4(plan: Plan) -> list[object]:
    """All that there is of services in this family."""
    services, ipv4 = plan.load_balancing, Family.IPV4
    found: list[object] = [(pool.name, of(ipv4, pool.cidrs)) for pool in services.pools]
    found += [item for item in services.announced if family_of(item[0]) is ipv4]
    for service in services.demo:
        found += [(kind, of(ipv4, each)) for kind, each in service.addresses.items()]
        found += [(pod.pod, of(ipv4, pod.addresses)) for pod in service.backends]
    for prefix, nodes in announcements(services, plan.sites).items():
        found += [(prefix, nodes)] if family_of(prefix) is ipv4 else []
    return found


def test_services_are_announced_in_each_family_by_the_same_nodes() -> None:
    local = {"name": "local", "datacentre": "dc2", "external_traffic_policy": "Local"}
    of_dc2 = ["dc2-worker1", "dc2-worker2"]
    assert announced({"demo": [{}, local]}, families=DUAL) == {
        "10.112.0.1/32": EVERYONE,
        f"{_PREFIX}:70::1/128": EVERYONE,
        "10.112.0.2/32": of_dc2,
        f"{_PREFIX}:70::2/128": of_dc2,
    }


def test_each_family_is_aggregated_by_itself() -> None:
    services = {"ipv6": {"aggregation_length": 120}, "demo": [{}, {"name": "b"}]}
    assert announced(services, families=DUAL) == {
        "10.112.0.1/32": EVERYONE,
        "10.112.0.2/32": EVERYONE,
        f"{_PREFIX}:70::/120": EVERYONE,
    }
    (_, (network, length)) = planned(services, families=DUAL).load_balancing.announced
    assert (str(network), length) == (f"{_PREFIX}:70::/112", 120)


@pytest.mark.parametrize(
    ("services", "message"),
    [
        (
            {"ipv6": {"aggregation_length": 128}},
            "ipv6.aggregation_length 128 is too large: write 127 or less",
        ),
        (
            {"ipv6": {"aggregation_length": 108}},
            "ipv6.aggregation_length 108 would announce more than fabric.ipv6.vips, which is a "
            "/112: write 112 or more",
        ),
        (
            {"ipv6": {"aggregation_length": 116}, "pools": "per-datacentre"},
            "ipv6.aggregation_length 116 would announce more than "
            "fabric.load_balancing.ipv6.pool_prefix_length, which is a /120: write 120 or more",
        ),
        (
            {
                "ipv6": {"aggregation_length": 120},
                "demo": [{"external_traffic_policy": "Local"}],
            },
            "demo[0].external_traffic_policy Local is never aggregated by Cilium, and "
            "fabric.load_balancing.ipv6.aggregation_length is 120: "
            "use Cluster, or leave aggregation_length out",
        ),
        (
            {"announce": ["ExternalIP"], "ipv6": {"external_ips": "fd75:6e64:6572:80::/56"}},
            "ipv6.external_ips fd75:6e64:6572:80::/56 has bits set behind its prefix length: "
            "write fd75:6e64:6572::/56",
        ),
        (
            {"ipv6": {"external_ips": "10.114.0.0/16"}},
            "ipv6.external_ips 10.114.0.0/16 is IPv4, and this field takes IPv6: "
            "write a prefix such as fd00:1::/48",
        ),
        (
            {"ipv6": {"pools": "fabric"}},
            "ipv6.pools is not a setting: the settings here are pool_prefix_length, "
            "external_ips, aggregation_length",
        ),
        (
            {"demo": [{"ipv6_address": "10.112.0.9"}]},
            "demo[0].ipv6_address 10.112.0.9 is not an address: "
            "write an IPv6 address such as fd00:1::a",
        ),
        (
            {"demo": [{"ipv6_address": "fd75:6e64:6572:70::9%eth0"}]},
            "demo[0].ipv6_address fd75:6e64:6572:70::9%eth0 is not an address: "
            "write an IPv6 address such as fd00:1::a",
        ),
        (
            {"demo": [{"ipv6_address": "fd75:6e64:6572:71::9"}]},
            "demo[0].ipv6_address fd75:6e64:6572:71::9 is not in fd75:6e64:6572:70::/112, the pool "
            "of its VIPs: ask for one of that, or for none",
        ),
        (
            {"demo": [{"ipv6_address": "fd75:6e64:6572:70::"}]},
            "demo[0].ipv6_address fd75:6e64:6572:70:: is the first or last of "
            "fd75:6e64:6572:70::/112, which the pool does not hand out: ask for one between them",
        ),
        (
            {"demo": [{"ipv6_address": "fd75:6e64:6572:70::2"}, {"name": "b"}]},
            "demo[0].ipv6_address fd75:6e64:6572:70::2 is also that of "
            "fabric.load_balancing.demo[1]: ask for another, or for none",
        ),
    ],
)
@pytest.mark.parametrize("families", [DUAL, ONLY])
def test_what_would_not_work_in_ipv6_is_refused(
    families: list[str], services: dict[str, Any], message: str
) -> None:
    assert refused(services, families=families) == [f"fabric.load_balancing.{message}"]


def test_external_ips_of_ipv6_may_not_overlap_another_range() -> None:
    services = {"announce": ["ExternalIP"], "ipv6": {"external_ips": f"{_PREFIX}:70::/113"}}
    assert refused(services, families=DUAL) == [
        f"fabric.ipv6.vips {_PREFIX}:70::/112 overlaps fabric.load_balancing.ipv6.external_ips "
        f"{_PREFIX}:70::/113: move one of them elsewhere"
    ]


def test_a_pool_of_ipv6_that_is_too_small_is_refused() -> None:
    small = {"families": DUAL, "ipv6": {"vips": "fd00:2::/125"}}
    assert refused({"demo": [{"index": 7}]}, **small) == [
        "fabric.ipv6.vips fd00:2::/125 has no host 7, which the service nginx needs: "
        "use a shorter prefix, or lower indexes of services"
    ]
    assert refused({"pools": "per-datacentre"}, families=DUAL, ipv6={"vips": "fd00:2::/119"}) == [
        "fabric.ipv6.vips fd00:2::/119 has room for 1 datacentres of a /120 each, not for number "
        "2: use a shorter prefix, or fewer datacentres"
    ]


def test_a_datacentre_that_is_missing_is_named_once_and_not_for_each_family() -> None:
    assert len(refused({"demo": [{"datacentre": "ams"}]}, families=DUAL)) == 1


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
            {"demo": [{"name": "404"}]},
            "demo[0].name 404 does not begin with a letter, as Kubernetes wants of a Service "
            "(RFC 1035): write s404, or another name",
        ),
        (
            {"demo": [{"name": "kubernetes"}]},
            "demo[0].name kubernetes is the API server's own Service: give it another name",
        ),
        (
            {"announce": "ClusterIP"},
            "announce ClusterIP is not a list: write its entries as [one, another]",
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


def test_what_is_written_down_of_ipv6_and_loaded_again_is_the_same() -> None:
    own = {"external_ips": "fd00:2::/112", "pool_prefix_length": 124, "aggregation_length": 126}
    services = {"demo": [{"ipv6_address": f"{_PREFIX}:70::9"}], "ipv6": own}
    loaded = load({"families": DUAL, "load_balancing": services})
    written = loaded.fabric.model_dump(mode="json", exclude_defaults=True)
    assert load(written) == loaded
    assert written["load_balancing"]["ipv6"] == own


def test_what_is_written_down_and_loaded_again_is_the_same() -> None:
    services = {"announce": list(AddressType), "demo": [{"address": "10.112.0.9"}, {"name": "b"}]}
    loaded = load({"load_balancing": services, "pod_routes": "summary"})
    written = loaded.fabric.model_dump(mode="json", exclude_defaults=True)
    assert load(written) == loaded
    assert loaded.fabric.load_balancing.demo[0].address == IPv4Address("10.112.0.9")
