"""Why a service's address is not answered, though it is announced: pods, translation, or a rule."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from collections.abc import Set as AbstractSet

from config.services import Service
from twin.load_balancer import TABLE
from verify.model import Cause, Kind


def causes(
    service: Service,
    address: str,
    *,
    clients: AbstractSet[Kind],
    ready: AbstractSet[str],
    untranslated: Sequence[str],
    without_route: Sequence[str],
) -> Iterator[Cause]:
    """What is in the way of traffic to the service's address.

    `clients` are the kinds of those that got no answer, `ready` the pods that answer,
    `untranslated` the nodes whose load balancing lacks the address, and `without_route` the routers
    that do not go where they should for it.
    """
    what = f"{service.name} at {address}"
    pods = sorted(backend.pod for backend in service.backends)
    dead = [pod for pod in pods if pod not in ready]
    if dead:
        all_or_some = "no pod of it answers" if dead == pods else "some pods of it do not"
        yield Cause(
            f"no ready backend: {what} is announced and {all_or_some}: {', '.join(dead)}",
            "see what ended them: their logs, and whether they listen on the service's port",
        )
    if untranslated:
        yield Cause(
            f"no load balancing: {', '.join(untranslated)} does not translate {what} to its pods",
            "see whether Cilium's agent runs there, and `cilium-dbg service list`; on the twin, "
            f"`nft list table {TABLE}` and `pulumi up --refresh`",
        )
    if without_route:
        yield Cause(
            f"no route: {', '.join(without_route)} has not the planned route to {what}",
            "see the finding on that route: it has the cause",
        )
    if not (dead or untranslated or without_route):
        yield _stopped(what, clients)


def _stopped(what: str, clients: AbstractSet[Kind]) -> Cause:
    """All that is known is as it should be, so something between drops it."""
    if clients == {Kind.HOST}:
        where = "from outside to it is stopped at the routers, which reach it themselves"
        remedy = "look at the rules of the WAN's zone: is the client in fabric.management?"
    elif Kind.ROUTER in clients and Kind.POD not in clients:
        where = "to it is stopped between the routers and the nodes"
        remedy = "look for rules about its port on the routers and nodes"
    else:
        where = "to it is stopped between the nodes and its pods"
        remedy = "look for rules about the pods' port, and for network policies of the cluster"
    return Cause(
        f"firewall: {what} has its pods, routes and load balancing; traffic {where}",
        f"{remedy} (`nft list ruleset`)",
    )
