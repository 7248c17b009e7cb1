"""Whether nodes and pods are reached by their own addresses from this machine.

By TCP connections to what listens on every node: Talos' API at the node's address (Talos docs,
"Network Connectivity": apid), and Cilium's health endpoint, which has an address of the node's
PodCIDR and is wired as pods are (cilium.io/v2 `CiliumNode`, `spec.health`; its pkg/defaults,
`ClusterHealthPort`). A connection needs the routes of both directions.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from ipaddress import ip_address

from config.families import family_of, of
from config.machines import Node, Site
from config.plan import Plan
from verify.model import Check, Finding

CHECK = Check.REACHED

_TALOS_PORT = 50000
_HEALTH_PORT = 4240
_LIMIT_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Target:
    """What to connect to. `what` it is, in words; `prefix` is the route that has to lead there."""

    node: str
    what: str
    address: str
    port: int
    prefix: str


def targets(plan: Plan, health_addresses: Mapping[str, Sequence[str]]) -> list[Target]:
    """Each node, and its health endpoint as far as it is known, in each family."""
    return [
        target
        for site in plan.sites
        for node in site.nodes
        for target in (*_node(site, node), *_pods(node, health_addresses.get(node.name, ())))
    ]


def _node(site: Site, node: Node) -> Iterator[Target]:
    for address, lan in zip(node.lan.addresses, site.lans, strict=True):
        yield Target(node.name, "the node", str(address.ip), _TALOS_PORT, str(lan))


def _pods(node: Node, addresses: Iterable[str]) -> Iterator[Target]:
    for address in addresses:
        cidr = of(family_of(ip_address(address)), node.pod_cidrs)
        yield Target(node.name, "its pods", address, _HEALTH_PORT, str(cidr))


def findings(wanted: Sequence[Target]) -> Iterator[Finding]:
    """What was not reached, and why. All are tried at a time."""

    async def gather() -> list[str | None]:
        return await asyncio.gather(*(_complaint(target) for target in wanted))

    for target, complaint in zip(wanted, asyncio.run(gather()), strict=True):
        if complaint is not None:
            message = (
                f"{target.what} cannot be reached from here at {target.address} port "
                f"{target.port}: {complaint}. Does a route to {target.prefix} lead to the "
                "datacentre's router, and is this machine in fabric.management?"
            )
            yield Finding(target.node, CHECK, message)


async def _complaint(target: Target) -> str | None:
    try:
        async with asyncio.timeout(_LIMIT_SECONDS):
            _, writer = await asyncio.open_connection(target.address, target.port)
    except TimeoutError:
        return "no answer"
    except OSError as error:
        # asyncio's own text says only that the call failed.
        return os.strerror(error.errno) if error.errno else str(error)
    writer.transport.abort()
    return None
