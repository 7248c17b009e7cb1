"""Too many routes: which neighbor, how many, and against which limit."""

from __future__ import annotations

from collections.abc import Iterator

from config.security import NodeLimits, RouterLimits
from config.sessions import Session, SessionKind
from verify.causes.evidence import Speaker
from verify.model import Cause


def causes(
    router: str, session: Session, speaker: Speaker, limits: NodeLimits | RouterLimits
) -> Iterator[Cause]:
    """The limits that this session reached on `router`, with what is planned for it."""
    if not speaker.limits:
        return
    neighbor = session.neighbor_name
    is_node = session.neighbor_kind is SessionKind.NODE
    setting = "fabric.security.node_limits" if is_node else "fabric.security.router_limits"
    reached = " and ".join(
        f"{kind} {getattr(limits, kind)}"
        for kind in ("imported", "received")
        if kind in speaker.limits
    )
    remedy = (
        f"stop what announces them on {neighbor}, or have it announce fewer: summaries "
        "(fabric.load_balancing.aggregation_length, fabric.pod_routes), "
        if is_node
        else f"have {neighbor} announce fewer: summaries (fabric.pod_routes), "
    )
    yield Cause(
        f"too many routes: {neighbor} announces more than {router} takes of it: the limit "
        f"({setting}) is {reached}, and {speaker.imported} are there now",
        f"{remedy}or raise the limit; then `birdc restart {speaker.name}` on {router}",
    )
