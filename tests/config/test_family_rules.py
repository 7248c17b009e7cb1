"""Families of addresses: what is refused, and that what the user means is planned."""

from typing import Any

import pytest

from config.errors import ConfigurationError
from config.families import Family, is_within, of
from config.load import load
from config.plan import make_plan
from tests.config.refusals import refusals

DUAL, ONLY = ["ipv4", "ipv6"], ["ipv6"]


def test_ipv4_alone_is_what_one_gets_for_nothing() -> None:
    assert make_plan(load()).families == (Family.IPV4,)


@pytest.mark.parametrize(
    ("written", "complaint"),
    [
        ("ipv6", "ipv6 is no list of families: write [ipv4], [ipv4, ipv6] or [ipv6]"),
        ([], "[] is no list of families: write [ipv4], [ipv4, ipv6] or [ipv6]"),
        (["ipv5"], "['ipv5'] has ipv5, which is no family: write ipv4 or ipv6"),
        (["ipv4", 6], "['ipv4', 6] has 6, which is no family: write ipv4 or ipv6"),
        (["ipv6", "ipv6"], "['ipv6', 'ipv6'] names a family twice: name each once"),
    ],
)
def test_what_is_no_list_of_families_is_refused(written: object, complaint: str) -> None:
    assert refusals({"families": written}) == [f"fabric.families {complaint}"]


_PREFIX = "is not a prefix: write an IPv6 prefix such as fd00:1::/48"
_UNFIT = "cannot be given to machines: use a prefix of fd00::/8 (RFC 4193)"


@pytest.mark.parametrize(
    ("written", "complaint"),
    [
        ("10.1.0.0/16", "is IPv4, and this field takes IPv6: write a prefix such as fd00:1::/48"),
        ("fd00:1::", _PREFIX),
        ("fd00:1::/129", _PREFIX),
        ("fd00:1::g/64", _PREFIX),
        (64, _PREFIX),
        ("fd00:1::1/64", "has bits set behind its prefix length: write fd00:1::/64"),
        ("fe80::/64", _UNFIT),
        ("ff02::/64", _UNFIT),
        ("::/0", _UNFIT),
        ("::1/128", _UNFIT),
        ("::ffff:10.1.0.0/112", _UNFIT),
        ("fec0::/48", _UNFIT),
    ],
)
@pytest.mark.parametrize("field", ["lans", "pods", "services", "vips", "egress", "peering", "wan"])
def test_what_is_no_prefix_of_ipv6_is_refused(field: str, written: object, complaint: str) -> None:
    assert refusals({"families": DUAL, "ipv6": {field: written}}) == [
        f"fabric.ipv6.{field} {written} {complaint}"
    ]


def test_a_prefix_of_the_internet_will_do() -> None:
    plan = make_plan(load({"families": ONLY, "ipv6": {"lans": "2001:678:1::/56"}}))
    assert str(plan.sites[0].lan) == "2001:678:1:1::/64"


def test_a_prefix_may_be_written_in_any_way_that_reads_as_it() -> None:
    ranges = load({"families": ONLY, "ipv6": {"wan": "FD00:0001:0::/64"}}).fabric.ranges
    assert str(ranges[0].wan) == "fd00:1::/64"


@pytest.mark.parametrize(
    ("fabric", "message"),
    [
        (
            {"families": ONLY, "pods": "10.128.0.0/10"},
            "fabric.pods 10.128.0.0/10 is IPv4, which the fabric has not: "
            "leave it out, or write families: [ipv6, ipv4]",
        ),
        (
            {"families": ONLY, "lan_prefix_length": 25},
            "fabric.lan_prefix_length 25 is IPv4, which the fabric has not: "
            "leave it out, or write families: [ipv6, ipv4]",
        ),
        (
            {"families": ONLY, "datacentres": [{"lan": "192.168.0.0/24"}]},
            "fabric.datacentres[0].lan 192.168.0.0/24 is IPv4, which the fabric has not: "
            "leave it out, or write families: [ipv6, ipv4]",
        ),
        (
            {"ipv6": {"wan": "fd00:1::/64"}},
            "fabric.ipv6.wan fd00:1::/64 is IPv6, which the fabric has not: "
            "leave it out, or write families: [ipv4, ipv6]",
        ),
        (
            {"datacentres": [{"ipv6_lan": "fd00:1::/64"}]},
            "fabric.datacentres[0].ipv6_lan fd00:1::/64 is IPv6, which the fabric has not: "
            "leave it out, or write families: [ipv4, ipv6]",
        ),
        (
            {"families": DUAL, "management": ["fd00:1::%eth0/64"]},
            "fabric.management[0] fd00:1::%eth0/64 is not a prefix: "
            "write an IPv6 prefix such as fd00:1::/48",
        ),
        (
            {"management": ["192.0.2.0/24", "fd00:1::/64"]},
            "fabric.management[1] fd00:1::/64 is IPv6, which the fabric has not: "
            "leave it out, or write families: [ipv4, ipv6]",
        ),
        (
            {"families": ONLY, "management": ["192.0.2.0/24"]},
            "fabric.management[0] 192.0.2.0/24 is IPv4, which the fabric has not: "
            "leave it out, or write families: [ipv6, ipv4]",
        ),
    ],
)
def test_a_setting_of_a_family_that_is_not_there_is_refused(
    fabric: dict[str, Any], message: str
) -> None:
    assert refusals(fabric) == [message]


@pytest.mark.parametrize(
    ("ranges", "message"),
    [
        (
            {"lans": "fd00:1::/63"},
            "fabric.ipv6.lans fd00:1::/63 has room for 1 datacentres of a /64 each, "
            "not for number 2: use a shorter prefix, or fewer datacentres",
        ),
        (
            {"pods": "fd00:1::/55"},
            "fabric.ipv6.pods fd00:1::/55 has room for 1 datacentres of a /56 each, "
            "not for number 2: use a shorter prefix, or fewer datacentres",
        ),
        (
            {"peering": "fd00:1::/126"},
            "fabric.ipv6.peering fd00:1::/126 has no host 3, which a router needs: "
            "use a shorter prefix, or fewer datacentres",
        ),
        (
            {"services": "fd00:1::/107"},
            "fabric.ipv6.services fd00:1::/107 is larger than Kubernetes takes: "
            "use a /108 or smaller",
        ),
        (
            {"node_pods_prefix_length": 66},
            "fabric.ipv6.node_pods_prefix_length 66 is 17 bits longer than fabric.ipv6.pods "
            "fd75:6e64:6572:8000::/49, and Kubernetes takes 16: write 65 or less, or use fewer "
            "pods",
        ),
        (
            {"vips": "fd75:6e64:6572:60::/112"},
            "fabric.ipv6.services fd75:6e64:6572:60::/108 overlaps fabric.ipv6.vips "
            "fd75:6e64:6572:60::/112: move one of them elsewhere",
        ),
    ],
)
def test_a_range_that_will_not_do_is_refused_as_in_ipv4(
    ranges: dict[str, object], message: str
) -> None:
    assert refusals({"families": DUAL, "ipv6": ranges}) == [message]


def test_a_lan_without_room_is_refused_in_the_field_that_names_it() -> None:
    lans = {"datacentres": [{}, {"ipv6_lan": "fd00:1::/124"}], "families": DUAL}
    assert refusals(lans) == [
        "fabric.datacentres[1].ipv6_lan fd00:1::/124 has no host 22, which dc2's routers and "
        "nodes need: use a shorter prefix, or fewer nodes in fabric.datacentres[1]"
    ]


def test_lans_of_their_own_may_not_overlap() -> None:
    lans = [{"ipv6_lan": "fd00:1::/64"}, {"ipv6_lan": "fd00:1::/96"}]
    assert refusals({"families": ONLY, "datacentres": lans}) == [
        "fabric.datacentres[0].ipv6_lan fd00:1::/64 overlaps fabric.datacentres[1].ipv6_lan "
        "fd00:1::/96: move one of them elsewhere"
    ]


def test_too_many_services_are_refused_in_ipv4_as_well() -> None:
    assert refusals({"services": "10.0.0.0/11", "lans": "172.16.0.0/16"}) == [
        "fabric.services 10.0.0.0/11 is larger than Kubernetes takes: use a /12 or smaller"
    ]


def test_every_default_is_within_one_prefix_of_rfc_4193() -> None:
    (ranges,) = load({"families": ONLY}).fabric.ranges
    whole = of(Family.IPV6, [ranges.lans.supernet(new_prefix=48)])
    assert str(whole) == "fd75:6e64:6572::/48"
    named = (ranges.pods, ranges.services, ranges.vips, ranges.egress, ranges.peering, ranges.wan)
    assert all(is_within(network, whole) for network in named)


def test_nodes_on_libvirt_need_ipv4_to_be_configured() -> None:
    with pytest.raises(ConfigurationError) as refused:
        load({"families": ONLY}, substrate="libvirt")
    assert [str(problem) for problem in refused.value.problems] == [
        "fabric.families [ipv6] leaves nodes on libvirt without the IPv4 address by which they "
        "are configured: write [ipv6, ipv4], or libvirt.cluster: false for routers alone"
    ]
    load({"families": ["ipv6", "ipv4"]}, substrate="libvirt")
    load({"families": ONLY}, libvirt={"cluster": False}, substrate="libvirt")


def test_on_libvirt_the_host_may_come_in_by_either_family() -> None:
    plan = make_plan(load({"families": DUAL}, substrate="libvirt"))
    assert [str(prefix) for prefix in plan.management] == [
        "172.31.0.1/32",
        "fd75:6e64:6572:1f::1/128",
    ]


def test_management_may_be_of_either_family() -> None:
    settings = load({"families": DUAL, "management": ["192.0.2.0/24", "2001:678::/48"]})
    assert [str(prefix) for prefix in make_plan(settings).management] == [
        "192.0.2.0/24",
        "2001:678::/48",
    ]


def test_readers_of_metrics_are_of_a_family_that_is_there() -> None:
    watched = {"routers": True, "readers": ["192.0.2.0/24", "2001:678::/48"]}
    assert refusals({"observability": watched}) == [
        "fabric.observability.readers[1] 2001:678::/48 is IPv6, which the fabric has not: "
        "leave it out, or write families: [ipv4, ipv6]"
    ]
    plan = make_plan(load({"observability": watched, "families": DUAL}))
    assert [str(prefix) for prefix in plan.metrics_readers] == [
        "10.1.0.0/16",
        "10.128.0.0/9",
        "fd75:6e64:6572:100::/56",
        "fd75:6e64:6572:8000::/49",
        "192.0.2.0/24",
        "2001:678::/48",
    ]


@pytest.mark.parametrize(
    ("families", "services", "message"),
    [
        (ONLY, {"pool_prefix_length": 25}, "pool_prefix_length 25 is IPv4"),
        (ONLY, {"external_ips": "10.115.0.0/16"}, "external_ips 10.115.0.0/16 is IPv4"),
        (ONLY, {"aggregation_length": 24}, "aggregation_length 24 is IPv4"),
        (ONLY, {"demo": [{"address": "10.112.0.9"}]}, "demo[0].address 10.112.0.9 is IPv4"),
        (["ipv4"], {"ipv6": {"pool_prefix_length": 119}}, "ipv6.pool_prefix_length 119 is IPv6"),
        (
            ["ipv4"],
            {"ipv6": {"external_ips": "fd00:2::/112"}},
            "ipv6.external_ips fd00:2::/112 is IPv6",
        ),
        (["ipv4"], {"ipv6": {"aggregation_length": 120}}, "ipv6.aggregation_length 120 is IPv6"),
        (
            ["ipv4"],
            {"demo": [{"ipv6_address": "fd00:2::9"}]},
            "demo[0].ipv6_address fd00:2::9 is IPv6",
        ),
    ],
)
def test_a_setting_of_services_in_a_family_that_is_not_there_is_refused(
    families: list[str], services: dict[str, object], message: str
) -> None:
    other = "ipv6, ipv4" if families == ONLY else "ipv4, ipv6"
    assert refusals({"families": families, "load_balancing": services}) == [
        f"fabric.load_balancing.{message}, which the fabric has not: "
        f"leave it out, or write families: [{other}]"
    ]


def test_egress_gateways_need_ipv4_beside_ipv6() -> None:
    assert refusals({"families": ONLY, "egress_gateway": {}}) == [
        "fabric.egress_gateway needs IPv4, by which Cilium carries packets of either family to a "
        "gateway: leave it out, or write families: [ipv6, ipv4]"
    ]
    egress = make_plan(load({"families": DUAL, "egress_gateway": {}})).egress_gateway
    assert egress is not None
    assert [family.value for family in egress.families] == DUAL


def test_a_node_has_room_for_the_pod_of_an_egress_gateway_in_each_family() -> None:
    crowded = {"ipv6": {"pods": "fd00:8::/108", "node_pods_prefix_length": 124}}
    twin = {"twin": {"pods_per_node": 5}, "egress_gateway": {}}
    assert refusals({"families": DUAL, **crowded, **twin}) == [
        "fabric.egress_gateway adds a pod to each of the twin's nodes, and a /124 has room for 5: "
        "have fewer others, or shorten fabric.ipv6.node_pods_prefix_length"
    ]


SECOND = {"second_peering": "172.29.0.0/22"}
SECOND_IPV6 = {"ipv6_second_peering": "fd00:29::/64"}
MISSING_IPV6 = (
    "fabric.redundancy.ipv6_second_peering is not given, and second_peering is, so the network "
    "lacks IPv6: write a prefix such as fd75:6e64:6572:1d::/64, or leave both out"
)
MISSING_IPV4 = (
    "fabric.redundancy.second_peering is not given, and ipv6_second_peering is, so the network "
    "lacks IPv4: write a prefix such as 172.29.0.0/22, or leave both out"
)
ABSENT_IPV4 = (
    "fabric.redundancy.second_peering 172.29.0.0/22 is IPv4, which the fabric has not: "
    "leave it out, or write families: [ipv6, ipv4]"
)
ABSENT_IPV6 = (
    "fabric.redundancy.ipv6_second_peering fd00:29::/64 is IPv6, which the fabric has not: "
    "leave it out, or write families: [ipv4, ipv6]"
)


@pytest.mark.parametrize(
    ("families", "redundancy", "messages"),
    [
        (DUAL, SECOND, [MISSING_IPV6]),
        (DUAL, SECOND_IPV6, [MISSING_IPV4]),
        (ONLY, SECOND, [ABSENT_IPV4, MISSING_IPV6]),
        (ONLY, {**SECOND, **SECOND_IPV6}, [ABSENT_IPV4]),
        (["ipv4"], SECOND_IPV6, [MISSING_IPV4, ABSENT_IPV6]),
        (["ipv4"], {**SECOND, **SECOND_IPV6}, [ABSENT_IPV6]),
    ],
)
def test_a_second_peering_network_has_a_range_in_each_family_of_the_fabric(
    families: list[str], redundancy: dict[str, str], messages: list[str]
) -> None:
    assert refusals({"families": families, "redundancy": redundancy}) == messages


def test_what_the_message_proposes_for_a_second_peering_network_will_do() -> None:
    given = {**SECOND, "ipv6_second_peering": "fd75:6e64:6572:1d::/64"}
    plan = make_plan(load({"families": DUAL, "redundancy": given}))
    assert [str(network) for network in plan.peerings["peering2"]] == list(given.values())


def test_a_second_peering_network_of_ipv6_is_a_network_like_others() -> None:
    overlapping = {"ipv6_second_peering": "fd75:6e64:6572:1e::/64"}
    assert refusals({"families": ONLY, "redundancy": overlapping}) == [
        "fabric.ipv6.peering fd75:6e64:6572:1e::/64 overlaps "
        "fabric.redundancy.ipv6_second_peering fd75:6e64:6572:1e::/64: move one of them elsewhere"
    ]
    small = {"ipv6_second_peering": "fd00:29::/126"}
    assert refusals({"families": ONLY, "datacentres": 2, "redundancy": small}) == [
        "fabric.redundancy.ipv6_second_peering fd00:29::/126 has no host 3, which a router needs: "
        "use a shorter prefix, or fewer datacentres"
    ]


def test_a_datacentre_is_not_called_what_anothers_objects_of_ipv6_are() -> None:
    named = {"datacentres": [{"name": "ams"}, {"name": "ams-ipv6"}, {"name": "fra-ipv6"}]}
    assert refusals({**named, "families": DUAL}) == [
        "fabric.datacentres[1].name ams-ipv6 is what objects of ams are called in IPv6: "
        "give it another name"
    ]
    assert load({**named, "families": ["ipv4"]})
