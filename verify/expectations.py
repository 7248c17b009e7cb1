"""What the plan says that one should see on every machine."""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import IPv4Address, IPv4Network

from config.machines import Node, Router, Site
from config.plan import Plan
from config.pods import pod_address, pod_gateway
from config.routes import announced, shared
from config.sessions import SessionKind
from render import interfaces
from render.bird import unreachable
from twin.twin import WAN_HOST, wan_routes
from verify.model import DEFAULT, UNREACHABLE, Expected, Kind

_NODE_CARD = "eth0"


def expectations(plan: Plan) -> dict[str, Expected]:
    """Every machine of the twin by its name: routers first, then nodes, pods and the WAN's host."""
    found = [
        *(router(plan, site, item) for site in plan.sites for item in site.routers),
        *(node(plan, site, item) for site in plan.sites for item in site.nodes),
        *(pod for item in plan.nodes for pod in pods(plan, item)),
        host(plan),
    ]
    return {expected.machine: expected for expected in found}


def router(plan: Plan, site: Site, machine: Router) -> Expected:
    """A router: its networks, the way out, its own pods by nodes, the others' by their routers."""
    routes = {str(network): _by(UNREACHABLE) for network in unreachable(plan, site)}
    routes |= {
        DEFAULT: _by(plan.wan_gateway.ip),
        str(site.lan): _by(interfaces.LAN_BRIDGE),
        str(plan.wan): _by(interfaces.WAN),
    }
    for name, network in plan.peerings.items():
        routes[str(network)] = _by(interfaces.PEERINGS[name])
    routes |= {str(node.pod_cidr): _by(node.lan.address.ip) for node in site.nodes}
    for other in plan.sites:
        if other is not site:
            ways = _by(*(nic.address.ip for far in other.routers for nic in far.peerings))
            routes |= {str(network): ways for network in announced(plan, other)}
    routes |= _shared(plan, site, machine)
    sessions = _sessions(plan, machine.name)
    return Expected(machine.name, Kind.ROUTER, routes, sessions, _bfd(plan, machine))


def speaker(plan: Plan, machine: Node) -> Expected:
    """A node of which only the sessions can be seen."""
    return Expected(machine.name, Kind.NODE, {}, _sessions(plan, machine.name))


def node(plan: Plan, site: Site, machine: Node) -> Expected:
    """A node: its LAN, the gateway, its pods, and the pods of its neighbors straight to them."""
    routes = {
        DEFAULT: _by(machine.gateway),
        str(site.lan): _by(_NODE_CARD),
        str(machine.pod_cidr): _by(UNREACHABLE),
    }
    for number, address in enumerate(pod_addresses(plan, machine), start=1):
        routes[str(address)] = _by(f"lxc{number}")
    for other in site.nodes:
        if other is not machine:
            routes[str(other.pod_cidr)] = _by(other.lan.address.ip)
    return Expected(machine.name, Kind.NODE, routes, _sessions(plan, machine.name))


def pods(plan: Plan, machine: Node) -> Iterator[Expected]:
    """A node's pods: everything by the node."""
    gateway = pod_gateway(machine.pod_cidr)
    for number in range(1, plan.pods_per_node + 1):
        routes = {DEFAULT: _by(gateway), str(gateway): _by(_NODE_CARD)}
        yield Expected(pod_name(machine, number), Kind.POD, routes)


def pod_name(machine: Node, number: int) -> str:
    """What a node's pod is called."""
    return f"{machine.name}-pod{number}"


def pod_addresses(plan: Plan, machine: Node) -> list[IPv4Address]:
    """The addresses of a node's pods."""
    return [pod_address(machine.pod_cidr, number) for number in range(1, plan.pods_per_node + 1)]


def host(plan: Plan) -> Expected:
    """The WAN's host: the WAN, egress addresses, and services where it may ask for them."""
    routes = {str(plan.wan): _by(_NODE_CARD)}
    routes |= {destination(network): _by(way) for network, way in wan_routes(plan).items()}
    return Expected(WAN_HOST, Kind.HOST, routes)


def _shared(plan: Plan, site: Site, machine: Router) -> dict[str, frozenset[str]]:
    """Services and egress addresses: by the own nodes that announce them, else by routers whose do.

    Those are the routers of the own AS, whose paths are shorter, and others only without them.
    """
    routes: dict[str, frozenset[str]] = {}
    for prefix, names in shared(plan).items():
        of = {other.name: [n for n in other.nodes if n.name in names] for other in plan.sites}
        far = [router for router in plan.routers if of[router.datacentre]]
        same_as = [router for router in far if router.asn == machine.asn]
        ways = [node.lan.address.ip for node in of[site.name]] or [
            nic.address.ip for router in same_as or far for nic in router.peerings
        ]
        routes[destination(prefix)] = _by(*ways)
    return routes


def destination(prefix: IPv4Network) -> str:
    """As iproute2 prints it: a single address without its length."""
    return str(prefix.network_address if prefix.prefixlen == 32 else prefix)


def _sessions(plan: Plan, machine: str) -> dict[str, str]:
    return {str(session.neighbor): session.neighbor_name for session in plan.sessions[machine]}


def _bfd(plan: Plan, machine: Router) -> dict[str, str]:
    """BFD follows the sessions between routers."""
    if not plan.bfd.enabled:
        return {}
    return {
        str(session.neighbor): session.neighbor_name
        for session in plan.sessions.get(machine.name, ())
        if session.neighbor_kind is SessionKind.ROUTER
    }


def _by(*ways: object) -> frozenset[str]:
    return frozenset(str(way) for way in ways)
