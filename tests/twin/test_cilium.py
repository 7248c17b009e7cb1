"""What Cilium makes of its resources, rule by rule."""

from collections.abc import Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network
from typing import Any

import pytest

from config.families import Address, Family, Network
from config.load import load
from config.plan import make_plan
from render import cilium as rendered
from tests.render.secrets import opened, password
from twin.cilium import Local, Resources, families, resources, speaker
from twin.gobgp import Neighbor, Speaker
from twin.manifest import Manifest, TranslationError

LABELS = {"zone": "ams"}
ADDRESS = IPv4Address("10.1.1.21")
POD_CIDR = IPv4Network("10.129.21.0/24")

# Manifests are YAML, which is untyped by nature.
Written = dict[str, Any]


def cluster_config(**instance: object) -> Written:
    peer = {"peerAddress": "10.1.1.2", "peerASN": 65000, "peerConfigRef": {"name": "ams"}}
    return {
        "kind": "CiliumBGPClusterConfig",
        "metadata": {"name": "ams"},
        "spec": {
            "nodeSelector": {"matchLabels": {"zone": "ams"}},
            "bgpInstances": [{"localASN": 65001, "peers": [peer], **instance}],
        },
    }


FAMILIES = [
    {"afi": "ipv4", "safi": "unicast", "advertisements": {"matchLabels": {"advertise": "pods"}}}
]


def peer_config(**spec: object) -> Written:
    return {
        "kind": "CiliumBGPPeerConfig",
        "metadata": {"name": "ams"},
        "spec": {"families": FAMILIES, **spec},
    }


def advertisement(kind: str = "PodCIDR") -> Written:
    return {
        "kind": "CiliumBGPAdvertisement",
        "metadata": {"name": "pods", "labels": {"advertise": "pods"}},
        "spec": {"advertisements": [{"advertisementType": kind}]},
    }


def secret(name: str) -> Written:
    return {"kind": "Secret", "metadata": {"name": name}, "stringData": {"password": "hush"}}


def translated(*manifests: Manifest, labels: dict[str, str] = LABELS) -> Speaker | None:
    return speaker(resources(manifests), Local("ams-worker1", labels, [ADDRESS], [POD_CIDR]))


def spoken(*manifests: Manifest) -> Speaker:
    found = translated(*manifests)
    assert found is not None
    return found


def neighbor(*manifests: Manifest) -> Neighbor:
    (found,) = spoken(*manifests).neighbors
    return found


def test_a_node_announces_the_addresses_of_an_interface_that_it_has() -> None:
    entry = {"advertisementType": "Interface", "interface": {"name": "egress"}}
    asked = {**advertisement(), "spec": {"advertisements": [entry]}}
    found = resources((cluster_config(), peer_config(), asked))
    held = {"egress": [IPv4Address("10.113.0.1")], "other": [IPv4Address("10.113.0.2")]}
    for interfaces, announced in ((held, (IPv4Network("10.113.0.1/32"),)), ({}, ())):
        said = speaker(found, Local("n1", LABELS, [ADDRESS], [POD_CIDR], interfaces))
        assert said is not None
        assert said.prefixes == announced


def test_a_node_dials_its_peers_and_announces_its_pod_cidr() -> None:
    assert spoken(cluster_config(localPort=1179), peer_config(), advertisement()) == Speaker(
        asn=65001,
        router_id=ADDRESS,
        listen_port=1179,
        neighbors=(
            Neighbor(
                address=IPv4Address("10.1.1.2"),
                families=(Family.IPV4,),
                asn=65000,
                local_asn=65001,
                port=179,
                hold_time=90,
                keepalive_time=30,
                connect_retry_time=120,
                restart_time=None,
                password=None,
            ),
        ),
        next_hops=(ADDRESS,),
        prefixes=(POD_CIDR,),
    )


def test_manifests_are_told_apart_by_their_kind() -> None:
    config, peer, told, hidden = cluster_config(), peer_config(), advertisement(), secret("s")
    found = resources([hidden, told, {"kind": "Service"}, peer, {}, config])
    assert found == Resources((config,), (), (peer,), (told,), (hidden,))


@pytest.mark.parametrize("labels", [{}, {"zone": "fra"}, {"other": "ams"}])
def test_a_node_that_no_resource_selects_does_nothing(labels: dict[str, str]) -> None:
    manifests = (cluster_config(), peer_config(), advertisement())
    assert translated(*manifests, labels=labels) is None


def test_without_a_cluster_config_nothing_is_done() -> None:
    assert translated(peer_config(), advertisement()) is None


@pytest.mark.parametrize("selector", [None, {}, {"matchLabels": {}}])
def test_a_cluster_config_without_a_selector_is_for_every_node(selector: object) -> None:
    config = cluster_config()
    config["spec"]["nodeSelector"] = selector
    assert translated(config, peer_config(), labels={}) is not None


def test_of_several_cluster_configs_that_select_a_node_the_first_counts() -> None:
    second = cluster_config(localASN=65002)
    assert spoken(cluster_config(), second, peer_config()).asn == 65001


def test_a_selector_that_the_twin_cannot_read_is_refused() -> None:
    config = cluster_config()
    config["spec"]["nodeSelector"] = {"matchExpressions": []}
    with pytest.raises(TranslationError, match="selectors with matchExpressions are not in the"):
        translated(config)


def test_without_a_local_port_it_only_dials() -> None:
    assert spoken(cluster_config(), peer_config()).listen_port is None


@pytest.mark.parametrize("reference", [{"name": "fra"}, {}, None])
def test_a_peer_without_its_peer_config_is_left_out(reference: object) -> None:
    lost = {"peerAddress": "10.1.1.3", "peerASN": 65000, "peerConfigRef": reference}
    kept = {"peerAddress": "10.1.1.2", "peerASN": 65000, "peerConfigRef": {"name": "ams"}}
    found = neighbor(cluster_config(peers=[lost, kept]), peer_config())
    assert found.address == IPv4Address("10.1.1.2")


def test_a_node_whose_peers_are_all_left_out_announces_nothing() -> None:
    found = spoken(cluster_config(), advertisement())
    assert (found.neighbors, found.prefixes) == ((), ())


@pytest.mark.parametrize(
    "spec",
    [
        {},
        {"families": []},
        {"families": [{"afi": "ipv4", "safi": "unicast"}]},
        {"families": [{"afi": "ipv6", "safi": "unicast", "advertisements": {}}]},
    ],
)
def test_families_that_are_left_out_announce_nothing(spec: Written) -> None:
    config = peer_config()
    config["spec"] = spec
    found = spoken(cluster_config(), config, advertisement())
    assert len(found.neighbors) == 1
    assert found.prefixes == ()


def test_an_advertisement_of_another_label_is_not_announced() -> None:
    other = advertisement()
    other["metadata"]["labels"] = {"advertise": "services"}
    assert spoken(cluster_config(), peer_config(), other).prefixes == ()


def test_an_advertisement_without_labels_is_not_announced() -> None:
    unlabelled = advertisement()
    del unlabelled["metadata"]["labels"]
    assert spoken(cluster_config(), peer_config(), unlabelled).prefixes == ()


def test_an_empty_selector_announces_every_advertisement() -> None:
    families = [{"afi": "ipv4", "safi": "unicast", "advertisements": {}}]
    found = spoken(cluster_config(), peer_config(families=families), advertisement())
    assert found.prefixes == (POD_CIDR,)


def test_an_advertisement_of_another_type_is_not_the_pod_cidr() -> None:
    assert spoken(cluster_config(), peer_config(), advertisement("Service")).prefixes == ()


def test_without_an_advertisement_nothing_is_announced() -> None:
    assert spoken(cluster_config(), peer_config()).prefixes == ()


def test_a_session_is_signed_with_its_secrets_password() -> None:
    signed = neighbor(
        cluster_config(), peer_config(authSecretRef="bgp"), secret("other"), secret("bgp")
    )
    assert signed.password == "hush"


@pytest.mark.parametrize("manifests", [(), (secret("other"),)])
def test_a_session_whose_secret_is_missing_is_not_signed(manifests: tuple[Manifest, ...]) -> None:
    found = neighbor(cluster_config(), peer_config(authSecretRef="bgp"), *manifests)
    assert found.password is None


def test_a_session_that_names_no_secret_is_not_signed() -> None:
    assert neighbor(cluster_config(), peer_config(), secret("bgp")).password is None


@pytest.mark.parametrize("count", [0, 2])
def test_other_than_one_instance_a_node_is_refused(count: int) -> None:
    config = cluster_config()
    config["spec"]["bgpInstances"] *= count
    with pytest.raises(
        TranslationError, match=f"^ams has {count} bgpInstances, and the twin runs one a node$"
    ):
        translated(config)


def test_timers_are_ciliums_defaults_one_by_one() -> None:
    found = neighbor(cluster_config(), peer_config(timers={"holdTimeSeconds": 9}))
    assert (found.hold_time, found.keepalive_time, found.connect_retry_time) == (9, 30, 120)


@pytest.mark.parametrize(
    ("restart", "seconds"),
    [
        ({"enabled": True, "restartTimeSeconds": 60}, 60),
        ({"enabled": True}, 120),
        ({"enabled": False, "restartTimeSeconds": 60}, None),
        ({}, None),
        (None, None),
    ],
)
def test_graceful_restart_is_off_unless_enabled(restart: object, seconds: int | None) -> None:
    found = neighbor(cluster_config(), peer_config(gracefulRestart=restart))
    assert found.restart_time == seconds


def test_a_peer_may_listen_elsewhere() -> None:
    assert neighbor(cluster_config(), peer_config(transport={"peerPort": 1179})).port == 1179


def test_what_is_rendered_says_what_the_plan_says() -> None:
    plan = make_plan(load({"datacentres": [{"routers": 2, "nodes": 1}]}))
    (site,), (node,) = plan.sites, plan.nodes
    secret = rendered.bgp_secret(plan, site)
    assert secret is not None
    manifests = [
        rendered.bgp_cluster_config(plan, site),
        rendered.bgp_peer_config(plan, site, Family.IPV4),
        rendered.bgp_advertisement(plan),
        opened(secret),
    ]
    found = speaker(
        resources(manifests),
        Local(
            node.name,
            {"topology.kubernetes.io/zone": site.name},
            [node.lan.address.ip],
            node.pod_cidrs,
        ),
    )
    assert found is not None
    assert (found.asn, found.prefixes) == (node.asn, (node.pod_cidr,))
    assert [(n.address, n.asn) for n in found.neighbors] == [
        (router.lan.address.ip, router.asn) for router in site.routers
    ]
    assert {n.password for n in found.neighbors} == {password("dc1")}
    assert {(n.hold_time, n.keepalive_time) for n in found.neighbors} == {
        (plan.timers.hold_time, plan.timers.keepalive_time)
    }


IPV6 = IPv6Address("fd00::15")
IPV6_CIDR = IPv6Network("fd00:0:0:15::/64")


def dual_stack(
    *manifests: Manifest, addresses: Sequence[Address] = (ADDRESS, IPV6), node: str = "ams-worker1"
) -> Speaker:
    """What a node with pods of both families makes of it, or of IPv6 alone."""
    cidrs: list[Network] = [POD_CIDR, IPV6_CIDR] if ADDRESS in addresses else [IPV6_CIDR]
    found = speaker(resources(manifests), Local(node, LABELS, addresses, cidrs))
    assert found is not None
    return found


def of_family(config: Written, name: str, afi: str) -> Written:
    spec = {**config["spec"], "families": [{**FAMILIES[0], "afi": afi}]}
    return {**config, "metadata": {"name": name}, "spec": spec}


BOTH_PEERS = [
    {"peerAddress": "10.1.1.2", "peerASN": 65000, "peerConfigRef": {"name": "ams"}},
    {"peerAddress": "fd00::2", "peerASN": 65000, "peerConfigRef": {"name": "ams-ipv6"}},
]


def test_each_family_is_told_over_the_session_of_its_own() -> None:
    found = dual_stack(
        cluster_config(peers=BOTH_PEERS),
        peer_config(),
        of_family(peer_config(), "ams-ipv6", "ipv6"),
        advertisement(),
    )
    assert [(str(n.address), n.families) for n in found.neighbors] == [
        ("10.1.1.2", (Family.IPV4,)),
        ("fd00::2", (Family.IPV6,)),
    ]
    assert found.prefixes == (POD_CIDR, IPV6_CIDR)
    assert found.next_hops == (ADDRESS, IPV6)
    assert found.router_id == ADDRESS


def test_a_family_whose_session_is_left_out_is_not_announced() -> None:
    found = dual_stack(cluster_config(peers=BOTH_PEERS), peer_config(), advertisement())
    assert found.prefixes == (POD_CIDR,)


def test_ipv6_over_a_session_of_ipv4_is_refused() -> None:
    config = of_family(peer_config(), "ams", "ipv6")
    with pytest.raises(TranslationError, match=r"announces IPv6 over the session with 10\.1\.1\.2"):
        dual_stack(cluster_config(), config, advertisement())


def override(node: str, instance: str = "ams") -> Written:
    return {
        "kind": "CiliumBGPNodeConfigOverride",
        "metadata": {"name": node},
        "spec": {"bgpInstances": [{"name": instance, "routerID": "10.0.1.21"}]},
    }


def ipv6_alone(*more: Manifest, node: str = "ams-worker1") -> Speaker:
    config = of_family(peer_config(), "ams-ipv6", "ipv6")
    clusters = cluster_config(name="ams", peers=BOTH_PEERS[1:])
    return dual_stack(clusters, config, advertisement(), *more, addresses=(IPV6,), node=node)


def test_without_ipv4_the_identifier_is_the_overrides() -> None:
    found = ipv6_alone(override("ams-worker2", "ams"), override("ams-worker1"))
    assert (str(found.router_id), found.prefixes) == ("10.0.1.21", (IPV6_CIDR,))


@pytest.mark.parametrize("other", [override("ams-worker2"), override("ams-worker1", "fra")])
def test_without_ipv4_and_an_override_of_its_own_a_node_is_refused(other: Written) -> None:
    with pytest.raises(TranslationError, match="neither an IPv4 address nor a Cilium"):
        ipv6_alone(other)


def test_families_that_are_not_named_are_both_negotiated() -> None:
    found = neighbor(cluster_config(), peer_config(families=[]))
    assert found.families == (Family.IPV4, Family.IPV6)


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({}, ["ipv4"]),
        ({"ipv6": {"enabled": True}}, ["ipv4", "ipv6"]),
        ({"ipv4": {"enabled": False}, "ipv6": {"enabled": True}}, ["ipv6"]),
    ],
)
def test_the_families_are_those_that_the_values_turn_on(
    values: Written, expected: list[str]
) -> None:
    assert list(families(values)) == expected
