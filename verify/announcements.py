"""What neighbors announced and a router refused: who, what, and why it is not theirs.

Read from BIRD's own words: routes that an import filter refused are kept (`import keep filtered`),
and a limit that was reached is marked (BIRD User's Guide, "Remote control").
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from ipaddress import ip_address, ip_network

from config.families import EVERYWHERE, Network, is_within, of
from config.machines import Router
from config.plan import Plan
from config.schema import PodRoutes
from config.sessions import Session, SessionKind
from render.bird import session_name
from verify.model import Check, Finding

#: Routes of one neighbor that are named one by one.
_MOST_ROUTES = 5


@dataclass(frozen=True, slots=True)
class Refused:
    """A route that a filter refused: who announced it, as BIRD names the session, and how."""

    session: str
    prefix: Network
    as_path: tuple[int, ...]
    next_hop: str


#: What each router's BIRD is asked: for the routes, and for the limits.
QUESTIONS = ("show route filtered all", "show protocols all")

#: What a BIRD answered to each of them, as lines; nothing where it is down.
Answers = Sequence[Sequence[str]]


def findings(plan: Plan, answers: Mapping[str, Answers]) -> list[Finding]:
    """What the routers refused, from what their BIRDs answered to `QUESTIONS`."""
    found: list[Finding] = []
    for router in plan.routers:
        if said := answers.get(router.name):
            routes, protocols = said
            found += of_router(plan, router, refused(routes), limits_reached(protocols))
    return found


def checks(plan: Plan) -> dict[str, dict[Check, int]]:
    """How many neighbors each router hears."""
    return {
        router.name: {Check.ANNOUNCEMENTS: len(plan.sessions[router.name])}
        for router in plan.routers
    }


def of_router(
    plan: Plan, router: Router, routes: Iterable[Refused], limits: Mapping[str, Sequence[str]]
) -> Iterator[Finding]:
    """What one router refused, neighbor by neighbor."""
    by_session: defaultdict[str, list[Refused]] = defaultdict(list)
    for route in routes:
        by_session[route.session].append(route)
    for session in plan.sessions[router.name]:
        name = session_name(session)
        theirs = [r for r in by_session[name] if not _is_usual(plan, router, session, r)]
        for words in (*limits.get(name, ()), *_refusals(plan, session, theirs)):
            message = f"{session.neighbor_name} ({session.neighbor}) {words}"
            yield Finding(router.name, Check.ANNOUNCEMENTS, message, str(session.neighbor))


def refused(lines: Iterable[str]) -> Iterator[Refused]:
    """The routes of `show route filtered all`.

    A route begins with its prefix, which further routes to the same prefix leave out, and
    `[session time …]`; its attributes follow, indented.
    """
    prefix, session, as_path = "", "", ""
    for line in lines:
        text, (key, _, value) = line.strip(), line.strip().partition(":")
        if "[" in line and not line.startswith("\t"):
            before, _, after = text.partition("[")
            prefix = before.split()[0] if "/" in before else prefix
            session, as_path = after.split()[0], ""
        elif key == "BGP.as_path":
            as_path = value
        elif key == "BGP.next_hop":
            path = tuple(int(asn) for asn in as_path.split() if asn.isdigit())
            yield Refused(session, ip_network(prefix), path, value.split()[0])


def limits_reached(lines: Iterable[str]) -> dict[str, list[str]]:
    """The limits of `show protocols all` that were reached, in words, by the session's name."""
    found: defaultdict[str, list[str]] = defaultdict(list)
    session = ""
    for line in lines:
        key, _, value = line.strip().partition(":")
        if line[:1].strip():
            session = line.split()[0]
        elif value.endswith("[HIT]"):
            kind = "offers" if key == "Receive limit" else "announces"
            found[session].append(
                f"{kind} {value.split()[0]} routes or more: what came after was refused "
                f"(`birdc restart {session}` once it has fewer)"
            )
        elif key == "Last error" and "Route limit" in value:
            found[session].append("had more routes than its limit: the session was ended")
    return found


def _refusals(plan: Plan, session: Session, routes: Sequence[Refused]) -> Iterator[str]:
    for route in routes[:_MOST_ROUTES]:
        yield f"announces {_what(plan, session, route)}: refused"
    if len(routes) > _MOST_ROUTES:
        more = len(routes) - _MOST_ROUTES
        yield f"announces {more} more routes that are not its own: refused"


def _is_usual(plan: Plan, router: Router, session: Session, route: Refused) -> bool:
    """Whether it is a reflected path that each router refuses, and nobody lied.

    Reflectors pass on all paths: those by the other network between routers too, and to the second
    router of a datacentre the first one's summary of their pods.
    """
    if not session.neighbor_reflects:
        return False
    site = next(site for site in plan.sites if site.name == router.datacentre)
    if plan.pod_routes is not PodRoutes.EACH and route.prefix in site.pod_ranges:
        return site.has_shared_gateway
    if not plan.second_peering:
        return False
    second = of(session.family, plan.second_peering)
    return (ip_address(route.next_hop) in second) != (session.neighbor in second)


def _what(plan: Plan, session: Session, route: Refused) -> str:
    prefix = route.prefix
    if prefix in EVERYWHERE.values():
        return "the default route"
    longest = 1 if session.neighbor_kind is SessionKind.NODE or session.is_internal else 2
    if len(route.as_path) > longest:
        path = " ".join(map(str, route.as_path))
        return f"{prefix} by a path of {len(route.as_path)} ASes ({path})"
    if route.next_hop != str(session.neighbor) and not session.neighbor_reflects:
        return f"{prefix} with the next hop {route.next_hop}, which is not itself"
    return f"{prefix}, {_owner(plan, prefix)}"


def _owner(plan: Plan, prefix: Network) -> str:
    """Whose a prefix is, from the narrowest range to the widest."""
    for node in plan.nodes:
        if prefix in node.pod_cidrs:
            return f"the pods of {node.name}"
    for gateway in plan.egress_gateway.gateways if plan.egress_gateway else ():
        if prefix in gateway.routes:
            return f"the egress address of {gateway.node}"
    for site in plan.sites:
        if any(is_within(prefix, pods) for pods in site.pod_ranges):
            return f"among the pods of {site.name}"
        if any(is_within(prefix, lan) for lan in site.lans):
            return f"of the LAN of {site.name}"
    inside = any(
        prefix.overlaps(network)
        for of_family in plan.ranges
        for network in (
            *(of_family.lans, of_family.pods, of_family.services),
            *(of_family.vips, of_family.egress),
        )
    )
    return "which nobody may announce" if inside else "which is not of the fabric"
