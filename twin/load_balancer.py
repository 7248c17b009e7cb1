"""A node's load balancing in nftables, where Cilium's is in eBPF.

What comes in for a service's address is sent on to one of its pods, at random as Cilium does by
default. What came from outside of the node and goes on to another node gets this node's address as
its source, so that the answers come back this way (`loadBalancer.mode: snat`); on the own node,
the client's address is kept. What the node's own pods send is translated here, at its source,
whatever `externalTrafficPolicy` says, and keeps its source (docs.cilium.io, "Kubernetes Without
kube-proxy").
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from collections.abc import Set as AbstractSet
from ipaddress import IPv4Address

from config.families import Address, Network
from twin.services import Endpoint, Frontend, Service

TABLE = "ip services"

#: The script that leaves no rule of services.
NONE = f"table {TABLE}\ndelete table {TABLE}\n"

#: As whom a pod sees itself where it is its own backend: Cilium's own choice of an address.
LOOPBACK = IPv4Address("169.254.42.1")


def ruleset(
    services: Sequence[Service],
    *,
    node: str,
    address: Address,
    pod_cidr: Network,
    ready: AbstractSet[str],
) -> str:
    """The nftables script for a node with this name, address and PodCIDR; one transaction.

    A service without a pod that could answer is rejected, and so is what has no such port
    (`service-no-backend-response`, and Cilium's wildcard entries). Without services, no rules.
    """
    if not services:
        return NONE
    alive = [
        (frontend, [endpoint for endpoint in service.endpoints if endpoint.pod in ready])
        for service in services
        for frontend in service.frontends
    ]
    inside = [_send_on(frontend, endpoints) for frontend, endpoints in alive if endpoints]
    outside = [
        _send_on(frontend, usable)
        for frontend, endpoints in alive
        if (usable := [e for e in endpoints if e.node == node or not frontend.is_local])
    ]
    addresses = sorted({frontend.address for frontend, _ in alive})
    own = sorted({e.address for _, endpoints in alive for e in endpoints if e.node == node})
    lines = [
        f"table {TABLE} {{",
        *_chain("inside", inside),
        *_chain("outside", outside),
        *_chain(
            "prerouting",
            [
                "type nat hook prerouting priority dstnat",
                f"ip saddr {pod_cidr} goto inside",
                "goto outside",
            ],
        ),
        *_chain("forward", ["type filter hook forward priority filter", *_refuse(addresses)]),
        *_chain(
            "postrouting",
            [
                "type nat hook postrouting priority srcnat",
                "ct status ! dnat accept",
                *(f"ip saddr {pod} ip daddr {pod} snat to {LOOPBACK}" for pod in own),
                f"ip saddr {pod_cidr} accept",
                f"ip daddr != {pod_cidr} snat to {address}",
            ],
        ),
        "}",
    ]
    return NONE + "\n".join(lines) + "\n"


def _chain(name: str, rules: Sequence[str]) -> Iterator[str]:
    yield f"chain {name} {{"
    yield from rules
    yield "}"


def _refuse(addresses: Sequence[IPv4Address]) -> Iterator[str]:
    """What was translated goes to a pod; what still goes to a service's address was not."""
    if addresses:
        yield f"ip daddr {{ {', '.join(map(str, addresses))} }} reject"


def _send_on(frontend: Frontend, endpoints: Sequence[Endpoint]) -> str:
    ports = {endpoint.port for endpoint in endpoints}
    (port,) = ports  # all endpoints of a slice have the same
    match = f"ip daddr {frontend.address} tcp dport {frontend.port}"
    choices = ", ".join(f"{number} : {e.address}" for number, e in enumerate(endpoints))
    return f"{match} dnat to numgen random mod {len(endpoints)} map {{ {choices} }} : {port}"
