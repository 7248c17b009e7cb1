"""A node booted from what Talos and Cilium read: what it makes of it, and that it stays so."""

import time
from collections.abc import Callable
from dataclasses import replace
from ipaddress import IPv4Address, IPv4Interface, IPv4Network
from typing import Any

import pytest
import yaml

from config.load import load
from config.plan import Plan, make_plan
from render.artifacts import render
from render.yaml_text import yaml_text
from twin import daemons, gobgp, ingress, iproute, manifest, masquerade, namespaces
from twin.machine import Nic, run_nft
from twin.manifest import TranslationError
from twin.network import Address, Neighbor, Route, observe
from twin.node import Node
from twin.place import Place
from twin.segment import Segment

booted = pytest.mark.filterwarnings("ignore:subprocess .* is still running:ResourceWarning")

PLAN = make_plan(load({"datacentres": [{"nodes": 3}, {}]}))

_ROUTER = IPv4Address("10.1.1.2"), "02:10:00:01:01:00"


def described(plan: Plan, stack: str, pods: int = 1) -> Node:
    """The first worker of a plan's first datacentre, with its router as a neighbor."""
    site = plan.sites[0]
    planned = next(node for node in site.nodes if node.name.endswith("worker1"))
    rendered = render(plan)
    of_site = rendered.sites[site.name]
    services = [d for of in rendered.demo for d in (of.service, *of.endpoint_slices)]
    shared = (*rendered.advertisements, *rendered.pools, *services)
    egress = (*of_site.egress_policies, *of_site.egress_pods)
    override = rendered.nodes[planned.name].bgp_override
    own = (of_site.cluster_config, *of_site.peer_configs, *filter(None, [override]), *egress)
    lan = Place(stack, site.lan_network).namespace
    return Node(
        place=Place(stack, planned.name),
        nics=(Nic(lan, planned.lan.mac, dict([_ROUTER])),),
        machine_patch=rendered.nodes[planned.name].machine_patch,
        helm_values=yaml_text(rendered.helm_values),
        node=yaml_text(rendered.nodes[planned.name].node),
        others=tuple(
            yaml_text(rendered.nodes[other.name].node)
            for other in site.nodes
            if other is not planned
        ),
        manifests=tuple(map(yaml_text, (*own, *shared))),
        pods_per_node=pods,
    )


def with_values(node: Node, **values: object) -> Node:
    """The node with some of Cilium's values changed."""
    return replace(node, helm_values=yaml.safe_dump({**yaml.safe_load(node.helm_values), **values}))


def test_pods_are_numbered_from_host_10_of_the_nodes_pod_cidr() -> None:
    pods = described(PLAN, "s", pods=2).pods()
    assert [
        (pod.place.namespace, *map(str, pod.addresses), *map(str, pod.gateways)) for pod in pods
    ] == [
        ("s-dc1-worker1-pod1", "10.129.21.10", "10.129.21.1"),
        ("s-dc1-worker1-pod2", "10.129.21.11", "10.129.21.1"),
    ]
    assert len({mac for pod in pods for mac in (pod.mac, pod.node_mac)}) == 4


def test_a_pod_has_one_address_and_goes_everywhere_by_its_node() -> None:
    (pod,) = described(PLAN, "s").pods()
    gateway = IPv4Address("10.129.21.1")
    assert pod.network().addresses == {Address("eth0", IPv4Interface("10.129.21.10/32"))}
    assert pod.network().routes == {
        Route(IPv4Network("10.129.21.1/32"), device="eth0"),
        Route(IPv4Network("0.0.0.0/0"), gateway=gateway),
    }
    assert pod.network().neighbors == {Neighbor("eth0", gateway, pod.node_mac)}


def test_the_talos_patch_and_the_node_objects_make_the_network() -> None:
    node = described(PLAN, "s")
    (pod,) = node.pods()
    network = node.network()
    assert network.up == {"lo", "eth0", "lxc1"}
    assert network.addresses == {
        Address("eth0", IPv4Interface("10.1.1.21/24")),
        Address("lxc1", IPv4Interface("10.129.21.1/32")),
    }
    assert network.routes == {
        Route(IPv4Network("0.0.0.0/0"), gateway=IPv4Address("10.1.1.1")),
        Route(IPv4Network("10.129.21.0/24")),
        Route(IPv4Network("10.129.21.10/32"), device="lxc1"),
        Route(IPv4Network("10.129.11.0/24"), gateway=IPv4Address("10.1.1.11")),
        Route(IPv4Network("10.129.22.0/24"), gateway=IPv4Address("10.1.1.22")),
    }
    assert network.neighbors == {
        Neighbor("eth0", *_ROUTER),
        Neighbor("lxc1", pod.addresses[0], pod.mac),
    }


def test_without_auto_direct_node_routes_neighbors_are_reached_by_the_router() -> None:
    node = with_values(described(PLAN, "s"), autoDirectNodeRoutes=False)
    assert {str(route) for route in node.network().routes} == {
        "0.0.0.0/0 via 10.1.1.1",
        "unreachable 10.129.21.0/24",
        "10.129.21.10/32 dev lxc1",
    }


def test_only_nodes_on_the_same_lan_are_reached_directly() -> None:
    node = described(PLAN, "s")
    far = node.others[0].replace("10.1.1.11", "10.1.2.11")
    routes = replace(node, others=(far,)).network().routes
    assert not any(route.gateway == IPv4Address("10.1.2.11") for route in routes)


def test_the_speaker_is_what_cilium_would_make_of_its_resources() -> None:
    speaker = described(PLAN, "s").agent.speaker(frozenset())
    assert speaker is not None
    assert (speaker.asn, speaker.router_id) == (65001, IPv4Address("10.1.1.21"))
    assert speaker.prefixes == (IPv4Network("10.129.21.0/24"),)
    assert [neighbor.address for neighbor in speaker.neighbors] == [IPv4Address("10.1.1.2")]


def test_where_the_bgp_control_plane_is_off_nothing_is_spoken() -> None:
    node = with_values(described(PLAN, "s"), bgpControlPlane={"enabled": False})
    assert node.agent.speaker(frozenset()) is None


@pytest.mark.parametrize("mode", ["tunnel", None])
def test_another_routing_mode_is_refused(mode: str | None) -> None:
    node = with_values(described(PLAN, "s"), routingMode=mode)
    with pytest.raises(TranslationError, match=f"routingMode {mode} is not in the twin: use nat"):
        node.agent.speaker(frozenset())


@pytest.mark.parametrize("ipam", [{"mode": "cluster-pool"}, {}])
def test_another_ipam_is_refused(ipam: dict[str, Any]) -> None:
    node = with_values(described(PLAN, "s"), ipam=ipam)
    with pytest.raises(TranslationError, match="is not in the twin: use kubernetes"):
        node.pods()


@pytest.fixture
def node(stack: str) -> Node:
    """A node that has been booted on a segment of its own."""
    Segment(Place(stack, "dc1-lan")).build("me")
    found = described(PLAN, stack)
    found.build("me")
    return found


def gobgpd_of(node: Node) -> int:
    (process,) = daemons.running_in(node.place.folder, "gobgpd")
    return process


@pytest.mark.twin
@booted
def test_a_node_that_was_booted_is_as_its_artifacts_say(node: Node) -> None:
    assert node.drift() == []
    with gobgp.connect(node.api_socket) as client:
        assert client.prefixes() == node.pod_cidrs


@pytest.mark.twin
@booted
def test_building_a_node_again_restarts_nothing(node: Node) -> None:
    before = gobgpd_of(node)
    node.build("me", node)
    node.build("me")
    assert gobgpd_of(node) == before
    assert node.drift() == []


def by_ip(*commands: str) -> Callable[[Node], None]:
    return lambda node: iproute.batch(node.place.namespace, commands)


def _kill_gobgp(node: Node) -> None:
    daemons.stop([gobgpd_of(node)])


def _silence_gobgp(node: Node) -> None:
    speaker = node.agent.speaker(frozenset())
    assert speaker
    with gobgp.connect(node.api_socket) as client:
        client.apply(replace(speaker, prefixes=()))


def _lose_the_pod(node: Node) -> None:
    (pod,) = node.pods()
    namespaces.delete(pod.place.namespace)
    while pod.node_device in observe(node.place.namespace).devices:
        time.sleep(0.01)  # the kernel tidies up when it has time


def _stop_forwarding(node: Node) -> None:
    with namespaces.inside(node.place.namespace):
        namespaces.write_sysctl("net.ipv4.ip_forward", "0")


def _open_the_firewall(node: Node) -> None:
    run_nft(node.place, ["flush", "table", *ingress.TABLE.split()])


BY_HAND: list[tuple[Callable[[Node], None], str]] = [
    (by_ip("link del eth0"), "eth0 unplugged"),
    (by_ip("link del lxc1"), "needs: link set lxc1 up"),
    (by_ip("route del default"), "needs: route add 0.0.0.0/0 via 10.1.1.1 proto static"),
    (
        by_ip("route replace 10.129.22.0/24 via 10.1.1.2 proto static"),
        "needs: route add 10.129.22.0/24 via 10.1.1.22 proto static",
    ),
    (_kill_gobgp, "gobgpd is not running"),
    (_silence_gobgp, "GoBGP's configuration changed"),
    (_lose_the_pod, "dc1-worker1-pod1 is gone"),
    (_stop_forwarding, "sysctl net.ipv4.ip_forward"),
    (_open_the_firewall, "Talos' firewall changed"),
]


@pytest.mark.twin
@booted
@pytest.mark.parametrize(("change", "said"), BY_HAND, ids=[said for _, said in BY_HAND])
def test_what_was_changed_by_hand_is_said_and_mended(
    node: Node, change: Callable[[Node], None], said: str
) -> None:
    change(node)
    assert said in node.drift()
    node.build("me", node)
    assert node.drift() == []


@pytest.mark.twin
@booted
def test_what_was_changed_in_a_pod_by_hand_is_said_and_mended(node: Node) -> None:
    (pod,) = node.pods()
    iproute.batch(pod.place.namespace, ["route del default"])
    assert node.drift() != []


@pytest.mark.twin
@booted
def test_more_pods_are_added_and_gobgp_goes_on(node: Node) -> None:
    before = gobgpd_of(node)
    more = described(PLAN, node.place.stack, pods=3)
    more.build("me", node)
    assert more.drift() == []
    assert gobgpd_of(node) == before


@pytest.mark.twin
@booted
@pytest.mark.parametrize("attempts", [1, 2])
def test_pods_that_are_no_longer_wanted_go(stack: str, attempts: int) -> None:
    Segment(Place(stack, "dc1-lan")).build("me")
    more, fewer = described(PLAN, stack, pods=3), described(PLAN, stack)
    more.build("me")
    for _ in range(attempts):
        fewer.build("me", more)
    assert fewer.drift() == []
    assert [pod.place.stands for pod in more.pods()] == [True, False, False]


@pytest.mark.twin
@booted
def test_a_further_node_on_the_lan_is_a_further_route(node: Node) -> None:
    grown = described(make_plan(load({"datacentres": [{"nodes": 4}, {}]})), node.place.stack)
    grown.build("me", node)
    assert grown.drift() == []
    node.build("me", grown)
    assert node.drift() == []


@pytest.mark.twin
@booted
def test_where_cilium_masquerades_pods_hide_behind_the_node(node: Node) -> None:
    hiding = with_values(node, enableIPv4Masquerade=True, ipv4NativeRoutingCIDR="10.128.0.0/9")
    hiding.build("me", node)
    listed = run_nft(node.place, ["list", "ruleset"])
    kept, hidden = "ip daddr 10.128.0.0/9 accept", "ip saddr 10.129.21.0/24 masquerade"
    assert listed.index(kept) < listed.index(hidden)
    node.build("me", hiding)
    assert "masquerade" not in run_nft(node.place, ["list", "ruleset"])


def hiding_but_for(node: Node, *ranges: str) -> Node:
    agent = {"enabled": True, "config": {"nonMasqueradeCIDRs": list(ranges)}}
    return with_values(node, enableIPv4Masquerade=True, bpf={"masquerade": True}, ipMasqAgent=agent)


@pytest.mark.twin
@booted
def test_where_ip_masq_agent_spares_ranges_pods_go_there_as_themselves(node: Node) -> None:
    hiding_but_for(node, "0.0.0.0/0").build("me", node)
    listed = run_nft(node.place, ["list", "table", "ip", "cilium"])
    assert listed.index("ip daddr 0.0.0.0/0 accept") < listed.index("masquerade")


@pytest.mark.twin
@booted
@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"bpf": {}}, "ipMasqAgent.enabled needs bpf.masquerade"),
        ({"ipMasqAgent": {"enabled": True}}, "without nonMasqueradeCIDRs is not in the twin"),
    ],
)
def test_an_ip_masq_agent_that_cannot_be_is_refused(
    node: Node, values: dict[str, Any], said: str
) -> None:
    with pytest.raises(TranslationError, match=said):
        with_values(hiding_but_for(node, "0.0.0.0/0"), **values).build("me", node)


@pytest.mark.twin
@booted
def test_where_bgp_is_switched_off_gobgp_ends(node: Node) -> None:
    silent = with_values(node, bgpControlPlane={"enabled": False})
    silent.build("me", node)
    assert daemons.running_in(node.place.folder, "gobgpd") == []
    assert silent.drift() == []


@pytest.mark.twin
@booted
def test_a_node_that_was_killed_half_way_is_finished_by_the_next_build(stack: str) -> None:
    Segment(Place(stack, "dc1-lan")).build("me")
    node = described(PLAN, stack)
    node.place.claim("me")
    node.pods()[0].place.claim("me")
    node.build("me")
    assert node.drift() == []


@pytest.mark.twin
@booted
def test_a_node_that_is_released_takes_its_pods_along(node: Node) -> None:
    places = [node.place, *(pod.place for pod in node.pods())]
    node.place.release()
    assert not any(place.folder.exists() for place in places)
    assert not any(namespaces.exists(place.namespace) for place in places)
    assert daemons.running_in(node.place.folder) == []


DUAL = make_plan(load({"datacentres": [{"nodes": 3}, {}], "families": ["ipv4", "ipv6"]}))


def test_a_pod_has_an_address_and_a_gateway_in_each_family() -> None:
    (pod,) = described(DUAL, "s").pods()
    prefix = "fd75:6e64:6572:8115"
    assert {str(address.interface) for address in pod.network().addresses} == {
        "10.129.21.10/32",
        f"{prefix}::a/128",
    }
    assert {str(route) for route in pod.network().routes} == {
        "10.129.21.1/32 dev eth0",
        "0.0.0.0/0 via 10.129.21.1",
        f"{prefix}::1/128 dev eth0",
        f"::/0 via {prefix}::1",
    }


def test_a_node_reaches_its_neighbors_pods_directly_in_each_family() -> None:
    routes = {str(route) for route in described(DUAL, "s").network().routes}
    assert "10.129.22.0/24 via 10.1.1.22" in routes
    assert "fd75:6e64:6572:8116::/64 via fd75:6e64:6572:101::16" in routes
    assert "unreachable fd75:6e64:6572:8115::/64" in routes
    assert "::/0 via fd75:6e64:6572:101::1" in routes


def test_a_family_that_cilium_has_off_is_not_for_pods() -> None:
    node = with_values(described(DUAL, "s"), ipv6={"enabled": False})
    assert [cidr.version for cidr in node.pod_cidrs] == [4]
    assert not any(":8115:" in str(route) for route in node.network().routes)


def test_pods_keep_their_cables_whatever_their_families() -> None:
    """A family that is added or taken away leaves the ends of a cable as they are."""
    plans = (DUAL, make_plan(load({"families": ["ipv6"], "datacentres": [{"nodes": 3}, {}]})))
    assert len({described(plan, "s").pods()[0].cable() for plan in plans}) == 1


@pytest.mark.twin
@booted
@pytest.mark.parametrize(
    ("shape", "address"),
    [
        ({"pods": "10.160.0.0/11"}, "10.161.21.10/32"),
        ({"families": ["ipv6"]}, "fd75:6e64:6572:8115::a/128"),
    ],
    ids=["in a range", "in a family"],
)
def test_a_pod_keeps_no_address_that_is_planned_no_more(
    node: Node, shape: dict[str, object], address: str
) -> None:
    """It would send as that one: an old address is the first that the kernel takes."""
    plan = make_plan(load({"datacentres": [{"nodes": 3}, {}], **shape}))
    moved = described(plan, node.place.stack)
    moved.build("me", node)
    (pod,) = moved.pods()
    held = observe(pod.place.namespace).network.addresses
    assert [str(one.interface) for one in held if one.device == "eth0"] == [address]
    assert moved.drift() == []


@pytest.mark.twin
@pytest.mark.parametrize(
    ("values", "hidden"),
    [
        ({}, set()),
        ({"enableIPv6Masquerade": True}, {"ip6"}),
        ({"enableIPv4Masquerade": True, "enableIPv6Masquerade": True}, {"ip", "ip6"}),
    ],
)
def test_pods_are_hidden_in_the_families_in_which_cilium_masquerades(
    stack: str, values: dict[str, object], hidden: set[str]
) -> None:
    node = with_values(described(DUAL, stack), **values)
    node.place.claim("me")
    values_read = manifest.document(node.helm_values)
    masquerade.apply(node.place, values_read, node.pod_cidrs, is_new=True)
    rules = run_nft(node.place, ["list", "ruleset"])
    assert {family for family in ("ip", "ip6") if f"table {family} cilium" in rules} == hidden
