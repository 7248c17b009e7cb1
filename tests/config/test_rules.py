"""Each rule between settings refuses what breaks it, and says what would do."""

from typing import Any

import pytest

from config.errors import ConfigurationError
from config.load import load
from tests.config.refusals import refusals


def test_two_datacentres_of_one_name_are_refused() -> None:
    assert refusals({"datacentres": [{"name": "ams"}, {"name": "fra"}, {"name": "ams"}]}) == [
        "fabric.datacentres[2].name ams is already that of fabric.datacentres[0]: "
        "give each datacentre its own name"
    ]


def test_two_datacentres_of_one_index_are_refused() -> None:
    assert refusals({"datacentres": [{"name": "ams", "index": 2}, {"name": "fra"}]}) == [
        "fabric.datacentres[1].index 2 is already that of fabric.datacentres[0]: "
        "give each datacentre its own index"
    ]


@pytest.mark.parametrize(
    ("fabric", "message"),
    [
        (
            {"lans": "10.1.0.0/23"},
            "fabric.lans 10.1.0.0/23 has room for 1 datacentres of a /24 each, not for number 2: "
            "use a shorter prefix, or fewer datacentres",
        ),
        (
            {"lan_prefix_length": 16, "datacentres": 1},
            "fabric.lans 10.1.0.0/16 has room for 0 datacentres of a /16 each, not for number 1: "
            "use a shorter prefix, or fewer datacentres",
        ),
        (
            {"pods": "10.128.0.0/15"},
            "fabric.pods 10.128.0.0/15 has room for 1 datacentres of a /16 each, "
            "not for number 2: use a shorter prefix, or fewer datacentres",
        ),
        (
            {"node_pods_prefix_length": 16},
            "fabric.pods 10.128.0.0/9 has room for 0 datacentres of a /8 each, not for number 1: "
            "use a shorter prefix, or fewer datacentres",
        ),
        (
            {"peering": "172.30.0.0/30"},
            "fabric.peering 172.30.0.0/30 has no host 3, which a router needs: "
            "use a shorter prefix, or fewer datacentres",
        ),
        (
            {"wan": "172.31.0.0/28", "datacentres": [{"index": 3, "routers": 2}]},
            "fabric.wan 172.31.0.0/28 has no host 15, which a router needs: "
            "use a shorter prefix, or fewer datacentres",
        ),
        (
            {"lan_prefix_length": 27, "datacentres": [{"nodes": 12}]},
            "fabric.lan_prefix_length 27 has no host 31, which dc1's routers and nodes need: "
            "use a shorter prefix, or fewer nodes in fabric.datacentres[0]",
        ),
        (
            {"datacentres": [{"name": "ams"}, {"name": "fra", "lan": "192.168.0.0/28"}]},
            "fabric.datacentres[1].lan 192.168.0.0/28 has no host 22, which fra's routers and "
            "nodes need: use a shorter prefix, or fewer nodes in fabric.datacentres[1]",
        ),
        (
            {"lan_prefix_length": 20, "datacentres": [{"nodes": 237}]},
            "fabric.datacentres[0].nodes.workers 236 is more than the 235 that a datacentre's "
            "pods have room for: spread the workers over more datacentres",
        ),
    ],
)
def test_a_range_that_is_used_up_is_refused(fabric: dict[str, Any], message: str) -> None:
    assert refusals(fabric) == [message]


@pytest.mark.parametrize(
    "fabric",
    [
        {"lans": "10.1.0.0/22", "datacentres": 3},
        {"pods": "10.128.0.0/14", "datacentres": 3},
        {"peering": "172.30.0.0/29", "datacentres": [{"routers": 2}] * 3},
        {"wan": "172.31.0.0/28", "datacentres": [{"routers": 2}, {"routers": 2}, {}]},
        {"lan_prefix_length": 27, "datacentres": [{"nodes": 11}]},
        {"lan_prefix_length": 20, "datacentres": [{"nodes": 236}]},
    ],
)
def test_a_range_may_be_used_to_its_last_address(fabric: dict[str, Any]) -> None:
    load(fabric)


def test_a_range_that_is_used_up_is_named_once_however_many_datacentres_want_more() -> None:
    assert len(refusals({"lans": "10.1.0.0/23", "datacentres": 9})) == 1


_LAN = "fabric.datacentres[0].lan"


@pytest.mark.parametrize(
    ("fabric", "message"),
    [
        (
            {"pods": "10.0.0.0/8", "services": "192.168.0.0/16", "lans": "172.16.0.0/16"}
            | {"vips": "192.169.0.0/16", "egress": "10.1.0.0/24"},
            "fabric.pods 10.0.0.0/8 overlaps fabric.egress 10.1.0.0/24",
        ),
        (
            {"services": "10.112.0.0/16", "vips": "10.112.7.0/24"},
            "fabric.services 10.112.0.0/16 overlaps fabric.vips 10.112.7.0/24",
        ),
        (
            {"peering": "172.31.0.0/24"},
            "fabric.peering 172.31.0.0/24 overlaps fabric.wan 172.31.0.0/22",
        ),
        (
            {"wan": "10.1.200.0/24"},
            "fabric.wan 10.1.200.0/24 overlaps fabric.lans 10.1.0.0/16",
        ),
        (
            {"datacentres": [{"lan": "10.113.0.0/24"}]},
            f"{_LAN} 10.113.0.0/24 overlaps fabric.egress 10.113.0.0/16",
        ),
        (
            {"datacentres": [{"lan": "192.168.0.0/16"}, {"lan": "192.168.7.0/24"}]},
            f"{_LAN} 192.168.0.0/16 overlaps fabric.datacentres[1].lan 192.168.7.0/24",
        ),
        (
            {"datacentres": [{"lan": "10.1.2.0/24"}, {}]},
            f"{_LAN} 10.1.2.0/24 overlaps fabric.datacentres[1] 10.1.2.0/24",
        ),
    ],
)
def test_ranges_that_overlap_are_refused(fabric: dict[str, Any], message: str) -> None:
    assert refusals(fabric) == [f"{message}: move one of them elsewhere"]


def test_every_overlap_is_named() -> None:
    assert refusals({"services": "10.112.0.0/15", "datacentres": [{"lan": "10.113.9.0/24"}]}) == [
        f"{first} overlaps {second}: move one of them elsewhere"
        for first, second in [
            ("fabric.services 10.112.0.0/15", "fabric.vips 10.112.0.0/16"),
            ("fabric.services 10.112.0.0/15", "fabric.egress 10.113.0.0/16"),
            (f"{_LAN} 10.113.9.0/24", "fabric.services 10.112.0.0/15"),
            (f"{_LAN} 10.113.9.0/24", "fabric.egress 10.113.0.0/16"),
        ]
    ]


def test_a_datacentre_may_choose_a_free_lan_within_the_common_range() -> None:
    load({"datacentres": [{"lan": "10.1.77.0/24"}, {}]})


def test_a_common_range_of_lans_that_nobody_draws_from_stands_in_nobodys_way() -> None:
    load({"peering": "10.1.0.0/22", "datacentres": [{"lan": "192.168.0.0/24"}]})


_LOOP = (
    "use different AS numbers for routers and cluster, or BGP drops the routes as loops "
    "(RFC 4271, section 9.1.2)"
)


@pytest.mark.parametrize(
    ("fabric", "message"),
    [
        (
            {"asns": {"routers": 65001}},
            "fabric.asns.routers 65001 is also fabric.asns.cluster",
        ),
        (
            {"datacentres": [{}, {"router_asn": 65001}]},
            "fabric.datacentres[1].router_asn 65001 is also fabric.asns.cluster",
        ),
        (
            {"datacentres": [{}, {"cluster_asn": 65000}]},
            "fabric.asns.routers 65000 is also fabric.datacentres[1].cluster_asn",
        ),
        (
            {"datacentres": [{"router_asn": 64513}, {"cluster_asn": 64513}]},
            "fabric.datacentres[0].router_asn 64513 is also fabric.datacentres[1].cluster_asn",
        ),
        (
            {
                "datacentres": [{"router_asn": 4200100002}, {}],
                "asns": {"cluster": "per-datacentre"},
            },
            "fabric.datacentres[0].router_asn 4200100002 is also fabric.asns.cluster",
        ),
    ],
)
def test_routers_in_the_clusters_as_are_refused(fabric: dict[str, Any], message: str) -> None:
    assert refusals(fabric) == [f"{message}: {_LOOP}"]


@pytest.mark.parametrize("count", [2, 4, 6])
def test_a_number_of_control_planes_that_etcd_cannot_use_is_refused(count: int) -> None:
    each = {"nodes": {"controlplanes": count // 2}}
    assert refusals({"datacentres": [each, each]}) == [
        f"fabric.datacentres[].nodes.controlplanes {count} in all is no size for etcd: "
        "have 1, 3 or 5 in the whole fabric"
    ]


def test_a_cluster_without_control_planes_is_refused() -> None:
    assert refusals({"datacentres": [{"nodes": {"workers": 3}}]}) == [
        "fabric.datacentres[].nodes.controlplanes 0 in all is no size for etcd: "
        "have 1, 3 or 5 in the whole fabric"
    ]


@pytest.mark.parametrize("counts", [(1, 0), (3, 0), (2, 1), (5, 0), (4, 1)])
def test_control_planes_may_be_spread_over_datacentres(counts: tuple[int, int]) -> None:
    load({"datacentres": [{"nodes": {"controlplanes": count}} for count in counts]})


def test_a_keepalive_of_more_than_a_third_of_the_hold_time_is_refused() -> None:
    assert refusals({"timers": {"hold_time": 10, "keepalive_time": 4}}) == [
        "fabric.timers.keepalive_time 4 is more than a third of hold_time 10: "
        "write 3 or less (RFC 4271, section 4.4)"
    ]


def test_a_password_for_a_datacentre_that_is_not_there_is_refused() -> None:
    assert refusals({}, {"datacentres": {"dc1": "hush", "ams": "hush"}}) == [
        "passwords.datacentres.ams is for no datacentre of the fabric: use one of dc1, dc2"
    ]


def test_more_pods_than_a_nodes_pod_cidr_has_addresses_are_refused() -> None:
    # Pods begin at host 10, so a /28 has room for 10 to 14.
    load({"node_pods_prefix_length": 28, "twin": {"pods_per_node": 5}})
    (message,) = refusals({"node_pods_prefix_length": 28, "twin": {"pods_per_node": 6}})
    assert message.startswith("fabric.twin.pods_per_node 6 ")


@pytest.mark.parametrize(
    ("redundancy", "message"),
    [
        (
            {"bfd": {"enabled": True, "interval_ms": 3000}},
            "fabric.redundancy.bfd.interval_ms 3000 times multiplier 3 is no less than "
            "timers.hold_time, 9 s: shorten it, or write enabled: false",
        ),
        (
            {"second_peering": "172.30.2.0/24"},
            "fabric.peering 172.30.0.0/22 overlaps fabric.redundancy.second_peering 172.30.2.0/24: "
            "move one of them elsewhere",
        ),
        (
            {"second_peering": "172.29.0.0/30"},
            "fabric.redundancy.second_peering 172.29.0.0/30 has no host 3, which a router needs: "
            "use a shorter prefix, or fewer datacentres",
        ),
    ],
)
def test_redundancy_that_would_bring_none_is_refused(
    redundancy: dict[str, Any], message: str
) -> None:
    assert refusals({"redundancy": redundancy}) == [message]


def test_bfd_that_is_off_may_be_as_slow_as_one_likes() -> None:
    load({"redundancy": {"bfd": {"enabled": False, "interval_ms": 3000}}})


def test_bfd_is_not_measured_by_a_hold_time_that_could_not_be_read() -> None:
    redundancy = {"bfd": {"enabled": True, "interval_ms": 3000}}
    (found,) = refusals({"redundancy": redundancy, "timers": {"hold_time": "long"}})
    assert found.startswith("fabric.timers.hold_time long")


def test_a_second_peering_network_across_hosts_needs_a_bridge_of_its_own() -> None:
    with pytest.raises(ConfigurationError) as refused:
        load(
            {
                "datacentres": [{}, {"libvirt_uri": "qemu+ssh://root@far/system"}],
                "redundancy": {"second_peering": "172.29.0.0/22"},
            },
            libvirt={"wan": {"bridge": "br-wan"}, "peering": {"bridge": "br-peer"}},
            substrate="libvirt",
        )
    (problem,) = refused.value.problems
    assert str(problem).startswith("libvirt.second_peering.bridge is not given, and ")


def test_a_rotation_for_no_datacentre_is_refused() -> None:
    assert refusals({"security": {"rotations": {"datacentres": {"ams": 2}}}}) == [
        "fabric.security.rotations.datacentres.ams is for no datacentre of the fabric: "
        "use one of dc1, dc2"
    ]


def test_rotating_a_password_that_is_given_is_refused() -> None:
    rotations = {"peering": 2, "datacentres": {"dc1": 3, "dc2": 2}}
    given = {"peering": "of-routers", "datacentres": {"dc1": "of-nodes"}}
    assert refusals({"security": {"rotations": rotations}}, given) == [
        "fabric.security.rotations.datacentres.dc1 3 changes nothing, since "
        "passwords.datacentres.dc1 is given: remove one, or change the other",
        "fabric.security.rotations.peering 2 changes nothing, since passwords.peering is given: "
        "remove one, or change the other",
    ]


@pytest.mark.parametrize("name", ["node_limits", "router_limits"])
def test_fewer_routes_received_than_imported_are_refused(name: str) -> None:
    assert refusals({"security": {name: {"imported": 12, "received": 11}}}) == [
        f"fabric.security.{name}.received 11 is less than imported 12: write 12 or more"
    ]


@pytest.mark.parametrize(
    ("security", "message"),
    [
        ({"ttl_security": "perhaps"}, "ttl_security perhaps is neither true nor false"),
        ({"node_limits": {"imported": 0}}, "node_limits.imported 0 is too small: write 1 or more"),
        ({"node_limits": {"action": "cry"}}, "node_limits.action cry is none of the choices"),
        ({"rotations": {"peering": 0}}, "rotations.peering 0 is too small: write 1 or more"),
        ({"wan": "ajar"}, "wan ajar is none of the choices"),
        ({"passwords": True}, "passwords is not a setting: did you mean generate_passwords?"),
    ],
)
def test_what_guards_the_fabric_is_refused_where_it_makes_no_sense(
    security: dict[str, Any], message: str
) -> None:
    (refused,) = refusals({"security": security})
    assert refused.startswith(f"fabric.security.{message}")
