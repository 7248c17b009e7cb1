"""The stack's page, as Pulumi's console shows it."""

from __future__ import annotations

from config.families import with_port
from config.plan import Plan
from config.route_counts import pod_route_counts, service_route_count
from render.templating import fill


def readme(plan: Plan, *, cluster: bool) -> str:
    """Markdown: the datacentres and their machines; `cluster` says whether there is a real one."""
    return fill(
        "readme.md.j2",
        plan=plan,
        cluster=cluster,
        pod_routes=pod_route_counts(plan),
        with_port=with_port,
        service_routes=service_route_count(plan),
    )
