"""A node's load balancing in nftables, where Cilium's is in eBPF.

What comes in for a service's address is sent on to one of its pods, at random as Cilium does by
default. What came from outside of the node and goes on to another node gets this node's address as
its source, so that the answers come back this way (`loadBalancer.mode: snat`); on the own node,
the client's address is kept. What the node's own pods send is translated here, at its source,
whatever `externalTrafficPolicy` says, and keeps its source (docs.cilium.io, "Kubernetes Without
kube-proxy").
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address

from config.families import Address, Family, Network, family_of
from twin.nft import WORDS, removal
from twin.services import Endpoint, Frontend, Service

TABLE = "inet services"

#: The script that leaves no rule of services.
NONE = removal(TABLE)

#: As whom a pod sees itself where it is its own backend. In IPv4 it is Cilium's own choice of an
#: address. In IPv6 that is fe80::1, and a kernel looks for one of the link on its link alone; this
#: one is of a prefix that leads nowhere (RFC 6666).
LOOPBACK: Mapping[Family, Address] = {
    Family.IPV4: IPv4Address("169.254.42.1"),
    Family.IPV6: IPv6Address("100::42:1"),
}

#: A frontend, and those that answer at it: pods with their addresses of its family.
_Alive = tuple[Frontend, list[tuple[Endpoint, Address]]]


@dataclass(frozen=True, slots=True)
class Own:
    """What a node has of one family: its address, and the range of its pods."""

    address: Address
    pod_cidr: Network

    @property
    def family(self) -> Family:
        """The family of both."""
        return family_of(self.address)


def ruleset(
    services: Sequence[Service], *, node: str, own: Sequence[Own], ready: AbstractSet[str]
) -> str:
    """The nftables script for a node with this name and addresses; one transaction.

    A service without a pod that could answer is rejected, and so is what has no such port
    (`service-no-backend-response`, and Cilium's wildcard entries). Without services, no rules.
    """
    if not services:
        return NONE
    alive: list[_Alive] = [
        (frontend, frontend.backends(e for e in service.endpoints if e.pod in ready))
        for service in services
        for frontend in service.frontends
    ]
    inside = [_send_on(frontend, pods) for frontend, pods in alive if pods]
    outside = [
        _send_on(frontend, usable)
        for frontend, pods in alive
        if (usable := [pod for pod in pods if pod[0].node == node or not frontend.is_local])
    ]
    lines = [
        f"table {TABLE} {{",
        *_chain("inside", inside),
        *_chain("outside", outside),
        *_chain(
            "prerouting",
            [
                "type nat hook prerouting priority dstnat",
                *(f"{WORDS[of.family]} saddr {of.pod_cidr} goto inside" for of in own),
                "goto outside",
            ],
        ),
        *_chain("forward", ["type filter hook forward priority filter", *_refuse(alive)]),
        *_chain(
            "postrouting",
            [
                "type nat hook postrouting priority srcnat",
                "ct status ! dnat accept",
                *(rule for of in own for rule in _sources(of, _pods_on(node, of.family, alive))),
            ],
        ),
        "}",
    ]
    return NONE + "\n".join(lines) + "\n"


def _chain(name: str, rules: Sequence[str]) -> Iterator[str]:
    yield f"chain {name} {{"
    yield from rules
    yield "}"


def _refuse(alive: Iterable[_Alive]) -> Iterator[str]:
    """What was translated goes to a pod; what still goes to a service's address was not."""
    addresses = {frontend.address for frontend, _ in alive}
    for family, header in WORDS.items():
        if of_family := sorted((a for a in addresses if family_of(a) is family), key=int):
            yield f"{header} daddr {{ {', '.join(map(str, of_family))} }} reject"


def _pods_on(node: str, family: Family, alive: Iterable[_Alive]) -> list[Address]:
    """The addresses of pods that are on the node itself."""
    found = {
        address
        for frontend, pods in alive
        if family_of(frontend.address) is family
        for endpoint, address in pods
        if endpoint.node == node
    }
    return sorted(found, key=int)


def _sources(own: Own, pods: Iterable[Address]) -> Iterator[str]:
    """Whom the pods behind a service see."""
    header = WORDS[own.family]
    for pod in pods:
        loopback = LOOPBACK[own.family]
        yield f"{header} saddr {pod} {header} daddr {pod} snat {header} to {loopback}"
    yield f"{header} saddr {own.pod_cidr} accept"
    yield f"{header} daddr != {own.pod_cidr} snat {header} to {own.address}"


def _send_on(frontend: Frontend, pods: Sequence[tuple[Endpoint, Address]]) -> str:
    ports = {endpoint.port for endpoint, _ in pods}
    (port,) = ports  # all endpoints of a slice have the same
    header = WORDS[family_of(frontend.address)]
    match = f"{header} daddr {frontend.address} tcp dport {frontend.port}"
    choices = ", ".join(f"{number} : {address}" for number, (_, address) in enumerate(pods))
    to = f"numgen random mod {len(pods)} map {{ {choices} }} : {port}"
    return f"{match} dnat {header} to {to}"
