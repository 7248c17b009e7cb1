"""Why pods do not leave by their egress gateway, and why its address is not announced."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import cast

from config.families import Address, Network, family_of, single
from config.plan import Plan
from render.egress import INTERFACE
from twin import steering
from twin.manifest import Manifest, labels, mapping, name, selects, sequence
from verify import reach
from verify.causes.evidence import World
from verify.causes.looks import Looks
from verify.model import Cause
from verify.reach import Pod

_POLICY = "CiliumEgressGatewayPolicy"
_ADVERTISEMENT = "CiliumBGPAdvertisement"
_REFRESH = "`pulumi up --refresh` brings it back to the plan"


@dataclass(frozen=True, slots=True)
class Gateway:
    """A node as an egress gateway in one family."""

    node: str
    address: Address

    @property
    def route(self) -> Network:
        """What the node announces."""
        return single(self.address)


@dataclass(frozen=True, slots=True)
class Way:
    """A pod's way out: its gateway, the cluster as both nodes see it, and what the gateway has.

    `addresses` are those of the gateway's node, None where its cards cannot be seen. `unsteered`
    are the nodes of the two that have no rules for the pod.
    """

    pod: Pod
    gateway: Gateway
    here: World
    there: World
    addresses: frozenset[str] | None
    unsteered: Sequence[str] = ()


def of_pod(looks: Looks, address: str, seen_as: str) -> list[Cause]:
    """Why the pod of this address does not leave by its gateway, if a policy is to select it.

    `seen_as` is whom the WAN saw, empty where nothing arrived.
    """
    for pod in reach.pods(looks.plan):
        for gateway in _gateways(looks.plan):
            if pod.address == address and str(gateway.address) in pod.seen_outside_as:
                way = _way(looks, pod, gateway)
                return _causes(way, seen_as, _by_wan(looks.plan)) if way else []
    return []


def gateway(plan: Plan, node: str, prefix: str) -> Gateway | None:
    """The egress gateway that the node is, if the prefix is of its address."""
    of_node = (gateway for gateway in _gateways(plan) if gateway.node == node)
    return next((gateway for gateway in of_node if str(gateway.route) == prefix), None)


def _gateways(plan: Plan) -> Sequence[Gateway]:
    planned = plan.egress_gateway.gateways if plan.egress_gateway else ()
    return [Gateway(of.node, address) for of in planned for address in of.addresses]


def _by_wan(plan: Plan) -> Mapping[str, str]:
    """The routers by their addresses on the WAN."""
    return {str(a.ip): router.name for router in plan.routers for a in router.wan.addresses}


def _way(looks: Looks, pod: Pod, gateway: Gateway) -> Way | None:
    """What is to be seen of the way; None where the cluster cannot be asked."""
    nodes = {node.name: node for node in looks.plan.nodes}
    ends = [nodes[name] for name in dict.fromkeys((pod.node, gateway.node))]
    here, there = looks.world(nodes[pod.node]), looks.world(nodes[gateway.node])
    if here is None or there is None:
        return None
    return Way(
        pod,
        gateway,
        here,
        there,
        addresses=looks.addresses(nodes[gateway.node]),
        unsteered=[n.name for n in ends if looks.witness.unsteered(n, pod.address)],
    )


def _causes(way: Way, seen_as: str, routers: Mapping[str, str]) -> list[Cause]:
    """What keeps the pod from leaving as its gateway. `routers` are by their WAN address."""
    found = [*_policy(way), *_interface(way.gateway, way.addresses)]
    if not found and way.unsteered:
        table = steering.table(family_of(way.gateway.address))
        found.append(
            Cause(
                f"no egress rules: {', '.join(way.unsteered)} does nothing with what "
                f"{way.pod.name} sends",
                "see whether Cilium's agent runs there, and `cilium-dbg bpf egress list`; on the "
                f"twin, `nft list table {table}` and `pulumi up --refresh`",
            )
        )
    if not found and seen_as in routers:
        router = routers[seen_as]
        found.append(
            Cause(
                f"masqueraded: {router} gives what leaves as {way.gateway.address} its own address "
                "at the WAN",
                "the WAN's zone in /etc/config/firewall there must leave out the egress range "
                f"(`masq_src`); {_REFRESH}",
            )
        )
    return found


def unannounced(
    gateway: Gateway, world: World, addresses: frozenset[str] | None
) -> Iterator[Cause]:
    """Why the gateway's node does not announce the egress address, where it does not.

    BGP announces what the interface has; `addresses` are the node's, where they can be seen.
    """
    missing = list(_interface(gateway, addresses))
    yield from missing
    entries = [
        entry
        for document in world.of_kind(_ADVERTISEMENT)
        for entry in sequence(mapping(document, "spec"), "advertisements")
        if entry.get("advertisementType") == "Interface"
        and mapping(entry, "interface").get("name") == INTERFACE
    ]
    if not entries:
        yield Cause(
            f"advertisement missing: no {_ADVERTISEMENT} has the interface {INTERFACE}",
            f"{_REFRESH}; Cilium knows advertisements of interfaces since 1.19",
        )
    elif not missing and world.announced is not None and str(gateway.route) not in world.announced:
        yield Cause(
            f"not advertised: {gateway.node} has its egress address {gateway.address} and does not "
            "announce it",
            f"its BGP daemon's log says why; {_REFRESH}",
        )


def _policy(way: Way) -> Iterator[Cause]:
    """Whether a policy leads the pod to the gateway, and makes the gateway's node one."""
    address = way.gateway.address
    policies = [
        document
        for document in way.here.of_kind(_POLICY)
        if mapping(document, "spec", "egressGateway").get("egressIP") == str(address)
    ]
    if not policies:
        yield Cause(
            f"no egress policy: no {_POLICY} has the egress address {address}",
            f"deploy one: {_REFRESH}",
        )
        return
    selecting = [policy for policy in policies if _is_selected(way, policy)]
    if not selecting:
        wanted = " or ".join(_words(item) for policy in policies for item in _selectors(policy))
        yield Cause(
            f"not selected: {way.pod.name} does not have the labels that {_POLICY} "
            f"{name(policies[0])} selects ({wanted or 'none at all'})",
            "give the pod these labels, or change fabric.egress_gateway.selector",
        )
        return
    chosen = mapping(selecting[0], "spec", "egressGateway", "nodeSelector")
    if way.there.node is not None and not selects(chosen, labels(way.there.node)):
        yield Cause(
            f"no gateway: {_POLICY} {name(selecting[0])} makes none of {way.gateway.node}, which "
            f"does not have the labels of its nodeSelector ({_words(chosen)})",
            f"correct the policy, or the node's labels: {_REFRESH}",
        )


def _interface(gateway: Gateway, addresses: frozenset[str] | None) -> Iterator[Cause]:
    if addresses is not None and str(gateway.address) not in addresses:
        yield Cause(
            f"egress interface missing: {gateway.node} has no interface with the egress address "
            f"{gateway.address}",
            f"the interface `{INTERFACE}` of its Talos machine configuration "
            f"(`talosctl get addresses`); {_REFRESH}",
        )


def _is_selected(way: Way, policy: Manifest) -> bool:
    pods = (item for item in way.here.of_kind("Pod") if name(item) == way.pod.name)
    own = next((labels(item) for item in pods), {})
    return any(selects(selector, own) for selector in _selectors(policy))


def _selectors(policy: Manifest) -> list[Manifest]:
    of = sequence(mapping(policy, "spec"), "selectors")
    return [mapping(item, "podSelector") for item in of]


def _words(selector: Manifest) -> str:
    wanted = cast("Mapping[str, str]", mapping(selector, "matchLabels"))
    return ", ".join(f"{key}={value}" for key, value in wanted.items())
