"""Which routes there are: what a datacentre's routers tell the others, and what they have."""

from __future__ import annotations

from ipaddress import IPv4Network

from config.machines import Site
from config.plan import Plan
from config.schema import PodRoutes
from config.services import announcements


def announced(plan: Plan, site: Site) -> tuple[IPv4Network, ...]:
    """What a datacentre's routers tell the others of it, but for addresses that nodes share."""
    match plan.pod_routes:
        case PodRoutes.EACH:
            return (site.lan, *pod_cidrs(site))
        case PodRoutes.SUMMARY:
            return (site.lan, site.pods)
        case PodRoutes.NONE:
            return (site.lan,)


def pod_cidrs(site: Site) -> tuple[IPv4Network, ...]:
    """The ranges of the pods of each of a datacentre's nodes."""
    return tuple(node.pod_cidr for node in site.nodes)


def of_router(plan: Plan, site: Site) -> tuple[IPv4Network, ...]:
    """What each router of a datacentre has a route to in the fabric, as long as all is well."""
    return (
        *(site.lan, *pod_cidrs(site)),
        *(net for other in plan.sites if other is not site for net in announced(plan, other)),
        *shared(plan),
    )


def shared(plan: Plan) -> dict[IPv4Network, frozenset[str]]:
    """Which nodes announce which of services' and egress addresses, as long as all is well."""
    gateways = plan.egress_gateway.gateways if plan.egress_gateway else ()
    of_gateways = {gateway.route: frozenset({gateway.node}) for gateway in gateways}
    return {**announcements(plan.load_balancing, plan.sites), **of_gateways}
