"""Why a router does not go where it should: a wrong next hop, a refusal, or nobody who tells it."""

from __future__ import annotations

from collections.abc import Iterator
from collections.abc import Set as AbstractSet
from ipaddress import ip_network

from config.sessions import Session
from render.bird import session_name
from verify.causes.evidence import Told
from verify.model import Cause


def next_hops(
    router: str, prefix: str, planned: AbstractSet[str], seen: AbstractSet[str], told: Told
) -> Iterator[Cause]:
    """Wrong next hops in the kernel's routes: what BIRD has as planned, and somebody replaced.

    `planned` and `seen` are the ways of the plan and of the kernel, `told.vias` those of BIRD.
    """
    by_bird = told.vias.get(prefix, frozenset())
    if planned and planned <= by_bird and seen != planned:
        what = f"goes by {' and '.join(sorted(seen))}" if seen else "is gone"
        yield Cause(
            f"wrong next hop: BIRD on {router} has the route by {' and '.join(sorted(planned))}, "
            f"but the kernel's {what}: it was changed by hand",
            f"`ip route del {prefix}` on {router}, as often as there is one that is not "
            "`proto bird`; then `birdc reload in all`, or `pulumi up --refresh`",
        )


def refused(router: str, prefix: str, session: Session, told: Told) -> Iterator[Cause]:
    """Why the router does not take what its neighbor announces."""
    neighbor = session.neighbor_name
    for route in told.refused:
        if route.session == session_name(session) and str(route.prefix) == network(prefix):
            if route.next_hop != str(session.neighbor):
                yield wrong_next_hop(session, str(route.prefix), route.next_hop)
            else:
                yield Cause(
                    f"filtered: {neighbor} announces {route.prefix}, and {router}'s import filter "
                    "refuses it",
                    f"`birdc show route filtered all` on {router} has its attributes; if "
                    "/etc/bird.conf was changed by hand, `pulumi up --refresh`",
                )


def unannounced(node: str, prefix: str, announced: AbstractSet[str]) -> Iterator[Cause]:
    """A node that does not tell of its own pods."""
    if network(prefix) not in announced:
        yield Cause(
            f"advertisement missing: {node} does not announce {prefix}",
            "see whether a CiliumBGPAdvertisement of type PodCIDR is there and its labels are "
            "those that the CiliumBGPPeerConfig selects; `pulumi up --refresh`",
        )


def spoken_for_others(session: Session, told: Told) -> Iterator[Cause]:
    """All that was refused of a neighbor since it is not the next hop."""
    if session.neighbor_reflects:
        return
    for route in told.refused:
        is_own = route.next_hop == str(session.neighbor)
        if route.session == session_name(session) and not is_own:
            yield wrong_next_hop(session, str(route.prefix), route.next_hop)


def wrong_next_hop(session: Session, prefix: str, next_hop: str) -> Cause:
    """A neighbor speaks for another machine."""
    neighbor = session.neighbor_name
    return Cause(
        f"wrong next hop: {neighbor} announces {prefix} with the next hop {next_hop}, and its own "
        f"address is {session.neighbor}",
        f"have {neighbor} announce it with its own address: on a node, see which of its addresses "
        "Kubernetes calls its InternalIP, and by which card Cilium speaks BGP",
    )


def network(prefix: str) -> str:
    """With the length that iproute2 leaves out of a single address."""
    return str(ip_network(prefix))
