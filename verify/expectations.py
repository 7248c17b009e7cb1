"""What the plan says that one should see on every machine."""

from __future__ import annotations

from collections.abc import Iterator

from config.families import Address, Family, Network, family_of, of
from config.machines import Node, Router, Site
from config.plan import Plan
from config.pods import pod_address, pod_gateway
from config.ranges import Ranges
from config.routes import announced, shared
from config.sessions import SessionKind
from render import interfaces
from render.bird import unreachable
from twin.twin import WAN_HOST, wan_routes
from verify.model import DEFAULT, DEFAULT_IPV6, UNREACHABLE, Expected, Kind

_DEFAULTS = {Family.IPV4: DEFAULT, Family.IPV6: DEFAULT_IPV6}
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
    routes: dict[str, frozenset[str]] = {}
    for ranges in plan.ranges:
        routes |= _of_router(plan, site, ranges)
    routes |= _shared(plan, site, machine)
    return Expected(
        machine.name,
        Kind.ROUTER,
        routes,
        sessions=_sessions(plan, machine.name),
        bfd=_bfd(plan, machine),
        bfd_interval_ms=plan.bfd.interval_ms,
        bfd_timeout_ms=plan.bfd.detection_time_ms,
    )


def _of_router(plan: Plan, site: Site, ranges: Ranges) -> dict[str, frozenset[str]]:
    """A router's routes in one family."""
    family = ranges.family
    routes = {str(network): _by(UNREACHABLE) for network in unreachable(plan, site, ranges)}
    routes |= {
        _DEFAULTS[family]: _by(of(family, plan.wan_gateways).ip),
        str(of(family, site.lans)): _by(interfaces.LAN_BRIDGE),
        str(ranges.wan): _by(interfaces.WAN),
    }
    for name, networks in plan.peerings.items():
        routes |= {str(n): _by(interfaces.PEERINGS[name]) for n in networks}
    routes |= {str(of(family, n.pod_cidrs)): _by(n.lan.ip(family)) for n in site.nodes}
    for other in plan.sites:
        if other is not site:
            ways = _by(*(nic.ip(family) for far in other.routers for nic in far.peerings))
            routes |= {str(network): ways for network in announced(plan, other, family)}
    return routes


def speaker(plan: Plan, machine: Node) -> Expected:
    """A node of which only the sessions can be seen."""
    return Expected(machine.name, Kind.NODE, {}, _sessions(plan, machine.name))


def node(plan: Plan, site: Site, machine: Node) -> Expected:
    """A node: its LAN, the gateway, its pods, and the pods of its neighbors straight to them."""
    routes: dict[str, frozenset[str]] = {}
    for family in plan.families:
        routes |= {
            _DEFAULTS[family]: _by(of(family, machine.gateways)),
            str(of(family, site.lans)): _by(_NODE_CARD),
            str(of(family, machine.pod_cidrs)): _by(UNREACHABLE),
        }
        for number, address in enumerate(pod_addresses(plan, machine, family), start=1):
            routes[str(address)] = _by(f"lxc{number}")
        for other in site.nodes:
            if other is not machine:
                routes[str(of(family, other.pod_cidrs))] = _by(other.lan.ip(family))
    return Expected(machine.name, Kind.NODE, routes, _sessions(plan, machine.name))


def pods(plan: Plan, machine: Node) -> Iterator[Expected]:
    """A node's pods: everything by the node."""
    gateways = {family_of(cidr): pod_gateway(cidr) for cidr in machine.pod_cidrs}
    routes = {_DEFAULTS[family]: _by(gateway) for family, gateway in gateways.items()}
    routes |= {str(gateway): _by(_NODE_CARD) for gateway in gateways.values()}
    for number in range(1, plan.pods_per_node + 1):
        yield Expected(pod_name(machine, number), Kind.POD, routes)


def pod_name(machine: Node, number: int) -> str:
    """What a node's pod is called."""
    return f"{machine.name}-pod{number}"


def pod_addresses(plan: Plan, machine: Node, family: Family) -> list[Address]:
    """The addresses of a node's pods in one family."""
    cidr = of(family, machine.pod_cidrs)
    return [pod_address(cidr, number) for number in range(1, plan.pods_per_node + 1)]


def host(plan: Plan) -> Expected:
    """The WAN's host: the WAN, egress addresses, and services where it may ask for them."""
    routes = {str(ranges.wan): _by(_NODE_CARD) for ranges in plan.ranges}
    routes |= {destination(network): _by(way) for network, way in wan_routes(plan).items()}
    return Expected(WAN_HOST, Kind.HOST, routes)


def _shared(plan: Plan, site: Site, machine: Router) -> dict[str, frozenset[str]]:
    """Services and egress addresses: by the own nodes that announce them, else by routers whose do.

    Those are the routers of the own AS, whose paths are shorter, and others only without them.
    """
    routes: dict[str, frozenset[str]] = {}
    for prefix, names in shared(plan).items():
        family = family_of(prefix)
        there = {other.name: [n for n in other.nodes if n.name in names] for other in plan.sites}
        far = [router for router in plan.routers if there[router.datacentre]]
        same_as = [router for router in far if router.asn == machine.asn]
        ways = [node.lan.ip(family) for node in there[site.name]] or [
            nic.ip(family) for router in same_as or far for nic in router.peerings
        ]
        routes[destination(prefix)] = _by(*ways)
    return routes


def destination(prefix: Network) -> str:
    """As iproute2 prints it: a single address without its length."""
    return str(prefix.network_address if prefix.prefixlen == prefix.max_prefixlen else prefix)


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
