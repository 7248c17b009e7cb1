"""BIRD on a router: its configuration, and the file of passwords that it includes.

One text serves BIRD 2.0.12 to 2.19. Options and their defaults: BIRD User's Guide, chapter
"Protocols", sections BGP, Direct, Kernel and Static.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from ipaddress import IPv4Network

from config.machines import SECOND_PEERING_NETWORK, Node, Router, Site
from config.plan import Plan
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


def bird_conf(plan: Plan, site: Site, router: Router) -> str:
    """The text of `/etc/bird.conf`. It holds no password: the diff of it may be shown."""
    sessions = plan.sessions[router.name]
    routers = [item for item in sessions if item.neighbor_kind is SessionKind.ROUTER]
    origins = {item.name: other for other in plan.sites for item in other.routers}
    own = {node.name: _own(plan, node) for node in site.nodes}
    shared = list(_shared(plan))
    return fill(
        "bird.conf.j2",
        site=site,
        router=router,
        timers=plan.timers,
        bfd=plan.bfd,
        alone={site.routers[0].name for site in plan.sites if not site.has_shared_gateway},
        second_peering=plan.second_peering,
        peering_interfaces=", ".join(f'"{interfaces.PEERINGS[name]}"' for name in plan.peerings),
        security=plan.security,
        internal=[(i, origins[i.neighbor_name]) for i in routers if i.is_internal],
        external=[(i, origins[i.neighbor_name]) for i in routers if not i.is_internal],
        reflectors=any(item.neighbor_reflects for item in routers),
        several_asns=len({item.asn for item in plan.routers}) > 1,
        own_patterns=lambda origin: own_patterns(plan, site, origin),
        cluster_asn=lambda origin: next((node.asn for node in origin.nodes), 0),
        nodes=[
            (item, own[item.neighbor_name])
            for item in sessions
            if item.neighbor_kind is SessionKind.NODE
        ],
        unreachable=unreachable(plan, site),
        shared_patterns=shared,
        pod_routes=plan.pod_routes,
        own_routers=[item.name for item in site.routers],
        fabric_patterns=[*_lans(plan), *_pods(plan), *shared, *_egress(plan)],
        lan_interface=interfaces.LAN_BRIDGE,
        node_port=LISTEN_PORT,
        node_sessions=f"{_PREFIXES[SessionKind.NODE]}*",
        graceful_restart_wait=min(plan.timers.graceful_restart_time, LONGEST_GRACEFUL_RESTART_WAIT),
        session_name=session_name,
        password_name=password_name,
        has_passwords=any(item.password for item in sessions),
        passwords_file=PASSWORDS.rpartition("/")[2],
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

    The network is named where it is not the first, so that a second one renames nothing.
    """
    second = f"_{SECOND_PEERING_NETWORK}" if session.network == SECOND_PEERING_NETWORK else ""
    return _PREFIXES[session.neighbor_kind] + _symbol(session.neighbor_name) + second


def own_patterns(plan: Plan, site: Site, origin: Site) -> tuple[str, ...]:
    """Patterns of what a router at `site` takes from routers of `origin` as theirs.

    That is their LAN, their pods and the address of their egress gateway.

    None of them depends on who else there is: a further datacentre changes no filter that exists.
    """
    pods = {
        PodRoutes.EACH: (_every(origin.pods, plan.node_pods_prefix_length),),
        PodRoutes.SUMMARY: (str(origin.pods),),
        PodRoutes.NONE: (),
    }
    gateway = plan.egress_gateway.of(origin.name) if plan.egress_gateway else None
    return (
        str(origin.lan),
        *pods[PodRoutes.EACH if origin is site else plan.pod_routes],
        *((str(gateway.route),) if gateway else ()),
    )


def unreachable(plan: Plan, site: Site) -> tuple[IPv4Network, ...]:
    """The ranges that end at a router of this datacentre where nothing in them is known.

    Services are among them: their addresses live inside the nodes, and a packet to one that has
    come as far as a router is lost already.
    """
    everywhere = (plan.lans, plan.pods, plan.services, plan.vips, plan.egress)
    announced = (network for network, _ in plan.load_balancing.announced)
    apart = (other.lan for other in plan.sites if not other.lan.subnet_of(plan.lans))
    return tuple(dict.fromkeys((site.pods, *everywhere, *announced, *apart)))


def _lans(plan: Plan) -> Iterator[str]:
    """Patterns of all LANs.

    Those drawn from the common range need one pattern together, whatever their number: a further
    datacentre leaves the filters as they are, and BIRD has no route to look at again.
    """
    drawn = [site.lan for site in plan.sites if site.lan.subnet_of(plan.lans)]
    for length in sorted({lan.prefixlen for lan in drawn}):
        yield _every(plan.lans, length)
    for site in plan.sites:
        if site.lan not in drawn:
            yield str(site.lan)


def _pods(plan: Plan) -> Iterator[str]:
    """Patterns of what datacentres tell each other of their pods."""
    match plan.pod_routes:
        case PodRoutes.EACH:
            yield _every(plan.pods, plan.node_pods_prefix_length)
        case PodRoutes.SUMMARY:
            yield _every(plan.pods, plan.sites[0].pods.prefixlen)
        case PodRoutes.NONE:
            pass


def _shared(plan: Plan) -> Iterator[str]:
    """Patterns of what any node may announce: addresses of services."""
    for network, length in plan.load_balancing.announced:
        yield _every(network, length)


def _egress(plan: Plan) -> Iterator[str]:
    """The pattern of what routers tell each other of egress gateways, where there are any."""
    if plan.egress_gateway:
        yield _every(plan.egress, plan.egress.max_prefixlen)


def _own(plan: Plan, node: Node) -> tuple[IPv4Network, ...]:
    """What this node alone may announce: its pods, and where it is the gateway its address."""
    gateways = plan.egress_gateway.gateways if plan.egress_gateway else ()
    return node.pod_cidr, *(gateway.route for gateway in gateways if gateway.node == node.name)


def _every(network: IPv4Network, length: int) -> str:
    """The pattern of every prefix of this length in the network."""
    return f"{network}{{{length},{length}}}"


def password_name(name: str) -> str:
    """What BIRD's files call the password of this name."""
    return f"PASSWORD_{_symbol(name).upper()}"


def _symbol(name: str) -> str:
    return name.replace("-", "_")
