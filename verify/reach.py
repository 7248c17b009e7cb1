"""Sends from every pod to every pod, and out to the WAN, and looks at whom it came from.

One process holds a socket in each pod's namespace: a socket stays in the namespace in which it
was opened. Nothing runs in the pods.
"""

from __future__ import annotations

import selectors
import socket
import time
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field

from config.families import Address, Family, family_of, of
from config.machines import Node, Site
from config.plan import Plan
from config.schema import PodRoutes
from twin import namespaces
from twin.place import Place
from twin.twin import WAN_HOST
from verify.expectations import pod_addresses, pod_name
from verify.model import Check, Finding

#: Discard's neighbor, echo (RFC 862): nothing else listens there.
_PORT = 7

#: A datagram that is lost is sent again; the first may wait for ARP at a shared gateway.
_ROUNDS = 3
_ROUND_SECONDS = 1.0
_RECEIVE_BYTES = 64


@dataclass(frozen=True, slots=True)
class Pod:
    """A pod in one family, and the addresses that the WAN may see it by.

    Those are its datacentre's routers', or its gateway's where an egress policy selects it.
    """

    name: str
    node: str
    datacentre: str
    family: Family
    address: str
    seen_outside_as: frozenset[str]
    way_out: str = "router"

    @property
    def label(self) -> str:
        """How it is spoken of."""
        return label(self.name, self.family)


@dataclass(slots=True)
class Reached:
    """Who was reached by whom, by their labels: the sender's address as each receiver saw it."""

    sources: dict[tuple[str, str], str] = field(default_factory=dict)
    errors: dict[tuple[str, str], str] = field(default_factory=dict)


def pods(plan: Plan) -> list[Pod]:
    """Every pod of the plan, once in each family."""
    return [
        _pod(plan, site, node, number, address)
        for family in plan.families
        for site in plan.sites
        for node in site.nodes
        for number, address in enumerate(pod_addresses(plan, node, family), start=1)
    ]


def _pod(plan: Plan, site: Site, node: Node, number: int, address: Address) -> Pod:
    """The last pod of each node is the one that egress policies select, in their family."""
    family = family_of(address)
    seen = frozenset(str(router.wan.ip(family)) for router in site.routers)
    way_out = "router"
    egress, outside = plan.egress_gateway, of(family, plan.wan_gateways).ip
    if egress and number == plan.pods_per_node and any(outside in d for d in egress.destinations):
        gateway = egress.of(site.name)
        if own := gateway.address(family) if gateway else None:
            seen, way_out = frozenset({str(own)}), "egress gateway"
    name = pod_name(node, number)
    return Pod(name, node.name, site.name, family, str(address), seen, way_out)


def pairs(plan: Plan) -> Iterator[tuple[Pod, Pod]]:
    """Who must reach whom: everybody everybody else, where datacentres tell each other of pods."""
    are_apart = plan.pod_routes is PodRoutes.NONE
    everyone = pods(plan)
    for sender in everyone:
        for receiver in everyone:
            is_told = not are_apart or sender.datacentre == receiver.datacentre
            is_alike = receiver.family is sender.family
            if receiver is not sender and is_alike and is_told:
                yield sender, receiver


def label(machine: str, family: Family) -> str:
    """A machine in one family, as it is spoken of: the family is said where it is IPv6."""
    return machine if family is Family.IPV4 else f"{machine} ({family.label})"


def probe(stack: str, plan: Plan) -> Reached:
    """Send from every pod to those it must reach and to the WAN. Takes at most some seconds."""
    everyone = pods(plan)
    machines = {pod.label: pod.name for pod in everyone}
    addresses = {pod.label: pod.address for pod in everyone}
    outside = {label(WAN_HOST, family_of(gateway)): gateway.ip for gateway in plan.wan_gateways}
    machines |= dict.fromkeys(outside, WAN_HOST)
    addresses |= {name: str(address) for name, address in outside.items()}
    reached = Reached()
    with ExitStack() as stack_of_sockets, selectors.DefaultSelector() as selector:
        sockets = {
            name: stack_of_sockets.enter_context(_listen(Place(stack, machines[name]), address))
            for name, address in addresses.items()
            if Place(stack, machines[name]).stands
        }
        for name, listener in sockets.items():
            selector.register(listener, selectors.EVENT_READ, name)
        wanted = [(sender.label, receiver.label) for sender, receiver in pairs(plan)]
        wanted += [(pod.label, label(WAN_HOST, pod.family)) for pod in everyone]
        for _ in range(_ROUNDS):
            open_pairs = [
                pair for pair in wanted if pair[0] in sockets and pair not in reached.sources
            ]
            if open_pairs:
                _round(open_pairs, addresses, sockets, selector, reached)
    return reached


def counts(plan: Plan) -> dict[str, dict[Check, int]]:
    """How many datagrams are to arrive, by the node whose pods send them."""
    own = Counter(pod.node for pod in pods(plan))
    sent = Counter(sender.node for sender, _ in pairs(plan))
    return {
        node: {Check.PODS: sent[node], Check.SOURCE: sent[node], Check.WAN: count}
        for node, count in own.items()
    }


def findings(plan: Plan, reached: Reached) -> Iterator[Finding]:
    """What was not reached, and whose source was not what it should be."""
    for sender, receiver in pairs(plan):
        yield from _between(sender, receiver, reached)
    for sender in pods(plan):
        yield from _outwards(sender, reached)


def _between(sender: Pod, receiver: Pod, reached: Reached) -> Iterator[Finding]:
    pair = sender.label, receiver.label
    source = reached.sources.get(pair)
    if source is None:
        why = reached.errors.get(pair, "nothing arrived")
        message = f"{sender.label} cannot reach {receiver.label}: {why}"
        yield Finding(sender.node, Check.PODS, message)
    elif source != sender.address:
        yield Finding(
            sender.node,
            Check.SOURCE,
            f"{receiver.label} sees {sender.label} as {source}, not {sender.address}",
        )


def _outwards(sender: Pod, reached: Reached) -> Iterator[Finding]:
    pair = sender.label, label(WAN_HOST, sender.family)
    source = reached.sources.get(pair)
    wanted = " or ".join(sorted(sender.seen_outside_as))
    if source is None:
        why = reached.errors.get(pair, "nothing arrived")
        message = f"{sender.label} cannot reach the WAN: {why}"
        yield Finding(sender.node, Check.WAN, message, sender.address)
    elif source not in sender.seen_outside_as:
        seen_as = f"{source}, not as its {sender.way_out} {wanted}"
        message = f"the WAN sees {sender.label} as {seen_as}"
        yield Finding(sender.node, Check.WAN, message, sender.address, frozenset({source}))


def _listen(place: Place, address: str) -> socket.socket:
    with namespaces.inside(place.namespace):
        family = socket.AF_INET6 if _is_ipv6(address) else socket.AF_INET
        listener = socket.socket(family, socket.SOCK_DGRAM)
    listener.setblocking(False)
    listener.bind((address, _PORT))
    return listener


def _is_ipv6(address: str) -> bool:
    return ":" in address


def _round(
    pairs: Sequence[tuple[str, str]],
    addresses: Mapping[str, str],
    sockets: Mapping[str, socket.socket],
    selector: selectors.BaseSelector,
    reached: Reached,
) -> None:
    by_sender: defaultdict[str, list[str]] = defaultdict(list)
    for sender, receiver in pairs:
        by_sender[sender].append(receiver)
    for sender, receivers in by_sender.items():
        for receiver in receivers:
            try:
                sockets[sender].sendto(sender.encode(), (addresses[receiver], _PORT))
            except OSError as error:
                reached.errors[sender, receiver] = error.strerror or str(error)
        _receive(selector, reached, wait_seconds=0)
    deadline = time.monotonic() + _ROUND_SECONDS
    while time.monotonic() < deadline and any(pair not in reached.sources for pair in pairs):
        _receive(selector, reached, wait_seconds=deadline - time.monotonic())


def _receive(selector: selectors.BaseSelector, reached: Reached, *, wait_seconds: float) -> None:
    for key, _ in selector.select(max(0.0, wait_seconds)):
        listener = key.fileobj
        assert isinstance(listener, socket.socket)
        while True:
            try:
                sender, (source, *_) = listener.recvfrom(_RECEIVE_BYTES)
            except BlockingIOError:
                break
            except OSError:
                continue  # an ICMP error about an earlier datagram; that one counts as lost
            reached.sources[sender.decode(), key.data] = source
