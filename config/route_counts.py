"""How many routes each choice of `pod_routes` costs, in all families together."""

from __future__ import annotations

from config.plan import Plan
from config.schema import PodRoutes
from config.services import announcements


def pod_route_counts(plan: Plan) -> dict[PodRoutes, int]:
    """Routes to pods in the table of the router that has most, by each choice.

    Its own nodes' are among them, whatever is chosen: it has those from the nodes themselves.
    """
    everyone, others = len(plan.nodes), len(plan.sites) - 1
    own = max((len(site.nodes) for site in plan.sites), default=0)
    of_family = {
        PodRoutes.EACH: everyone,
        PodRoutes.SUMMARY: own + others,
        PodRoutes.NONE: own,
    }
    return {choice: count * len(plan.families) for choice, count in of_family.items()}


def service_route_count(plan: Plan) -> int:
    """Routes to services of the demo, the same in every router."""
    return len(announcements(plan.load_balancing, plan.sites))
