"""Which routes there are: what a datacentre's routers tell the others, and what they have."""

from __future__ import annotations

from config.families import Family, Network, of
from config.machines import Site
from config.plan import Plan
from config.schema import PodRoutes
from config.services import announcements


def announced(plan: Plan, site: Site, family: Family) -> tuple[Network, ...]:
    """What a datacentre's routers tell the others of it in one family, but for shared addresses."""
    lan = of(family, site.lans)
    match plan.pod_routes:
        case PodRoutes.EACH:
            return (lan, *pod_cidrs(site, family))
        case PodRoutes.SUMMARY:
            return (lan, of(family, site.pod_ranges))
        case PodRoutes.NONE:
            return (lan,)


def pod_cidrs(site: Site, family: Family) -> tuple[Network, ...]:
    """The ranges of the pods of each of a datacentre's nodes."""
    return tuple(of(family, node.pod_cidrs) for node in site.nodes)


def of_router(plan: Plan, site: Site) -> tuple[Network, ...]:
    """What each router of a datacentre has a route to in the fabric, as long as all is well."""
    found: list[Network] = []
    for family in plan.families:
        found += (of(family, site.lans), *pod_cidrs(site, family))
        for other in plan.sites:
            found += announced(plan, other, family) if other is not site else ()
    return (*found, *shared(plan))


def shared(plan: Plan) -> dict[Network, frozenset[str]]:
    """Which nodes announce which of services' and egress addresses, as long as all is well."""
    gateways = plan.egress_gateway.gateways if plan.egress_gateway else ()
    of_gateways: dict[Network, frozenset[str]] = {
        route: frozenset({gateway.node}) for gateway in gateways for route in gateway.routes
    }
    return {**announcements(plan.load_balancing, plan.sites), **of_gateways}
