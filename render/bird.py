"""BIRD on a router: its configuration, and the file of passwords that it includes.

One text serves BIRD 2.0.12 to 2.19. Options and their defaults: BIRD User's Guide, chapter
"Protocols", sections BGP, Direct, Kernel and Static.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from config.families import Address, Family, Network, family_of, find, is_within, of
from config.machines import SECOND_PEERING_NETWORK, Node, Router, Site
from config.plan import Plan
from config.ranges import Ranges
from config.schema import PodRoutes
from config.sessions import Session, SessionKind
from render import interfaces
from render.cilium import LISTEN_PORT
from render.sealed import Sealed
from render.templating import fill

CONFIGURATION = "/etc/bird.conf"
PASSWORDS = "/etc/bird-passwords.conf"

#: The longest that a router restarted with `bird -R` leaves the kernel's routes as they are while
#: a neighbor is missing. GoBGP is back within 10 s.
LONGEST_GRACEFUL_RESTART_WAIT = 30

#: What session names begin with: some names of machines are keywords to BIRD.
_PREFIXES = {SessionKind.ROUTER: "router_", SessionKind.NODE: "node_"}

#: What the names of things end with that are there once in each family.
_SUFFIXES = {Family.IPV4: "", Family.IPV6: "_IPV6"}


@dataclass(frozen=True, slots=True)
class FamilyPart:
    """What a router's BIRD is told in one family of addresses.

    `suffix` ends the names of what is there once in each family, and `channel` is BIRD's word.
    `own_ip` is the router's address on the LAN, `own_pods` the pattern of its nodes' PodCIDRs.
    Nodes come with what is theirs alone, routers with their datacentre and its ranges' patterns.
    """

    channel: str
    suffix: str
    own_ip: Address
    lan: Network
    pods: Network
    own_pods: str
    second_peering: Network | None
    unreachable: Sequence[Network]
    fabric_patterns: Sequence[str]
    shared_patterns: Sequence[str]
    internal: Sequence[tuple[Session, Site, Sequence[str]]]
    external: Sequence[tuple[Session, Site, Sequence[str]]]
    nodes: Sequence[tuple[Session, Sequence[Network]]]


def bird_conf(plan: Plan, site: Site, router: Router) -> str:
    """The text of `/etc/bird.conf`. It holds no password: the diff of it may be shown."""
    sessions = plan.sessions[router.name]
    routers = [item for item in sessions if item.neighbor_kind is SessionKind.ROUTER]
    return fill(
        "bird.conf.j2",
        site=site,
        router=router,
        timers=plan.timers,
        bfd=plan.bfd,
        alone={site.routers[0].name for site in plan.sites if not site.has_shared_gateway},
        peering_interfaces=", ".join(f'"{interfaces.PEERINGS[name]}"' for name in plan.peerings),
        security=plan.security,
        reflectors=any(item.neighbor_reflects for item in routers),
        several_asns=len({item.asn for item in plan.routers}) > 1,
        cluster_asn=lambda origin: next((node.asn for node in origin.nodes), 0),
        pod_routes=plan.pod_routes,
        own_routers=[item.name for item in site.routers],
        router_id="OWNIP" if Family.IPV4 in plan.families else router.router_id,
        families=[family_part(plan, site, router, ranges) for ranges in plan.ranges],
        lan_interface=interfaces.LAN_BRIDGE,
        node_port=LISTEN_PORT,
        node_sessions=f"{_PREFIXES[SessionKind.NODE]}*",
        graceful_restart_wait=min(plan.timers.graceful_restart_time, LONGEST_GRACEFUL_RESTART_WAIT),
        session_name=session_name,
        password_name=password_name,
        has_passwords=any(item.password for item in sessions),
        passwords_file=PASSWORDS.rpartition("/")[2],
    )


def family_part(plan: Plan, site: Site, router: Router, ranges: Ranges) -> FamilyPart:
    """The router's part in one family."""
    family = ranges.family
    sessions = [item for item in plan.sessions[router.name] if item.family is family]
    routers = [item for item in sessions if item.neighbor_kind is SessionKind.ROUTER]
    own = {node.name: _own(plan, node, family) for node in site.nodes}
    shared = list(_shared(plan, ranges))
    own_pods = of(family, site.pod_ranges)
    origins = {item.name: other for other in plan.sites for item in other.routers}

    def far(session: Session) -> tuple[Session, Site, Sequence[str]]:
        origin = origins[session.neighbor_name]
        return session, origin, own_patterns(plan, site, origin, ranges)

    return FamilyPart(
        channel=family.value,
        suffix=_SUFFIXES[family],
        own_ip=router.lan.ip(family),
        lan=of(family, site.lans),
        pods=own_pods,
        own_pods=_every(own_pods, ranges.node_pods_prefix_length),
        second_peering=find(family, plan.second_peering),
        unreachable=unreachable(plan, site, ranges),
        fabric_patterns=[
            *_lans(plan, ranges),
            *_pods(plan, ranges),
            *shared,
            *_egress(plan, ranges),
        ],
        shared_patterns=shared,
        internal=[far(item) for item in routers if item.is_internal],
        external=[far(item) for item in routers if not item.is_internal],
        nodes=[
            (item, own[item.neighbor_name])
            for item in sessions
            if item.neighbor_kind is SessionKind.NODE
        ],
    )


def secret_files(plan: Plan, router: Router) -> Mapping[str, Sealed[str]]:
    """The secret files of the router: one with what its sessions use, or none."""
    found = (item.password for item in plan.sessions[router.name])
    names = tuple(dict.fromkeys(name for name in found if name is not None))
    return {PASSWORDS: Sealed(names, partial(bird_passwords, names))} if names else {}


def bird_passwords(names: Sequence[str], passwords: Mapping[str, str]) -> str:
    """The text of `/etc/bird-passwords.conf`: the passwords of these names."""
    return "".join(f'define {password_name(name)} = "{passwords[name]}";\n' for name in names)


def session_name(session: Session) -> str:
    """What BIRD calls the session. A symbol cannot have hyphens, and machines' names do.

    The network is named where it is not the first, and the family where it is IPv6, so that what
    is added renames nothing.
    """
    name = _PREFIXES[session.neighbor_kind] + _symbol(session.neighbor_name)
    second = f"_{SECOND_PEERING_NETWORK}" if session.network == SECOND_PEERING_NETWORK else ""
    return f"{name}{second}{_SUFFIXES[session.family].lower()}"


def own_patterns(plan: Plan, site: Site, origin: Site, ranges: Ranges) -> tuple[str, ...]:
    """Patterns of what a router at `site` takes from routers of `origin` as theirs.

    That is their LAN, their pods and the address of their egress gateway.

    None of them depends on who else there is: a further datacentre changes no filter that exists.
    """
    own = of(ranges.family, origin.pod_ranges)
    pods = {
        PodRoutes.EACH: (_every(own, ranges.node_pods_prefix_length),),
        PodRoutes.SUMMARY: (str(own),),
        PodRoutes.NONE: (),
    }
    gateway = plan.egress_gateway.of(origin.name) if plan.egress_gateway else None
    route = gateway.route(ranges.family) if gateway else None
    return (
        str(of(ranges.family, origin.lans)),
        *pods[PodRoutes.EACH if origin is site else plan.pod_routes],
        *([str(route)] if route else []),
    )


def unreachable(plan: Plan, site: Site, ranges: Ranges) -> tuple[Network, ...]:
    """The ranges that end at a router of this datacentre where nothing in them is known.

    Services are among them: their addresses live inside the nodes, and a packet to one that has
    come as far as a router is lost already.
    """
    everywhere = (ranges.lans, ranges.pods, ranges.services, ranges.vips, ranges.egress)
    announced = (network for network, _ in _announced(plan, ranges))
    lans = (of(ranges.family, other.lans) for other in plan.sites)
    apart = (lan for lan in lans if not is_within(lan, ranges.lans))
    own = of(ranges.family, site.pod_ranges)
    return tuple(dict.fromkeys((own, *everywhere, *announced, *apart)))


def _lans(plan: Plan, ranges: Ranges) -> Iterator[str]:
    """Patterns of all LANs.

    Those drawn from the common range need one pattern together, whatever their number: a further
    datacentre leaves the filters as they are, and BIRD has no route to look at again.
    """
    lans = [of(ranges.family, site.lans) for site in plan.sites]
    drawn = [lan for lan in lans if is_within(lan, ranges.lans)]
    for length in sorted({lan.prefixlen for lan in drawn}):
        yield _every(ranges.lans, length)
    for lan in lans:
        if lan not in drawn:
            yield str(lan)


def _pods(plan: Plan, ranges: Ranges) -> Iterator[str]:
    """Patterns of what datacentres tell each other of their pods."""
    match plan.pod_routes:
        case PodRoutes.EACH:
            yield _every(ranges.pods, ranges.node_pods_prefix_length)
        case PodRoutes.SUMMARY:
            yield _every(ranges.pods, of(ranges.family, plan.sites[0].pod_ranges).prefixlen)
        case PodRoutes.NONE:
            pass


def _shared(plan: Plan, ranges: Ranges) -> Iterator[str]:
    """Patterns of what any node may announce: addresses of services."""
    for network, length in _announced(plan, ranges):
        yield _every(network, length)


def _announced(plan: Plan, ranges: Ranges) -> Iterator[tuple[Network, int]]:
    """Where services' addresses come from, with the length of their routes."""
    for network, length in plan.load_balancing.announced:
        if family_of(network) is ranges.family:
            yield network, length


def _egress(plan: Plan, ranges: Ranges) -> Iterator[str]:
    """The pattern of what routers tell each other of egress gateways, where there are any."""
    gateways = plan.egress_gateway.gateways if plan.egress_gateway else ()
    if any(gateway.address(ranges.family) for gateway in gateways):
        yield _every(ranges.egress, ranges.egress.max_prefixlen)


def _own(plan: Plan, node: Node, family: Family) -> tuple[Network, ...]:
    """What this node alone may announce: its pods, and where it is the gateway its address."""
    gateways = plan.egress_gateway.gateways if plan.egress_gateway else ()
    held = (gateway.route(family) for gateway in gateways if gateway.node == node.name)
    return of(family, node.pod_cidrs), *(route for route in held if route)


def _every(network: Network, length: int) -> str:
    """The pattern of every prefix of this length in the network."""
    return f"{network}{{{length},{length}}}"


def password_name(name: str) -> str:
    """What BIRD's files call the password of this name."""
    return f"PASSWORD_{_symbol(name).upper()}"


def _symbol(name: str) -> str:
    return name.replace("-", "_")
