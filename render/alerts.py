"""Alert rules for Prometheus, as a file of rules has them (Prometheus docs, "Alerting rules").

Routers are known by their labels `router` and `datacentre`, which `render.scrape` gives them.
"""

from __future__ import annotations

from collections.abc import Iterator

from config.observability import Alerts
from config.plan import Plan
from render.documents import Document
from render.scrape import ROUTERS

_OF_ROUTERS = f'job="{ROUTERS}"'
_BGP = f'{_OF_ROUTERS},proto="BGP"'
#: What a session's counts and its limits have in common.
_SESSION = "job, instance, datacentre, router, name, ip_version"


def rules(plan: Plan) -> Document:
    """The groups of rules: for routers, for Cilium, each where it has metrics."""
    wanted, groups = plan.observability, []
    if wanted.routers:
        groups.append({"name": "underlay-routers", "rules": list(_of_routers(plan))})
    if wanted.cilium:
        groups.append({"name": "underlay-cilium", "rules": list(_of_cilium(wanted.alerts))})
    return {"groups": groups}


def _of_routers(plan: Plan) -> Iterator[Document]:
    alerts = plan.observability.alerts
    pending = f"{alerts.pending_time}s"
    yield _alert(
        "UnderlayRouterUnreachable",
        f"up{{{_OF_ROUTERS}}} == 0",
        "{{ $labels.router }} does not answer",
        "Prometheus gets no metrics from {{ $labels.instance }}.",
        pending=pending,
    )
    yield _alert(
        "UnderlayBirdDown",
        f"bird_daemon_up{{{_OF_ROUTERS}}} == 0",
        "BIRD on {{ $labels.router }} does not answer",
        "The routes that it had set stay until they are replaced; no new ones come.",
        pending=pending,
    )
    yield _alert(
        "UnderlaySessionDown",
        # Each state is a series of its own: what is down must not seem new with each of them.
        f"max without (state) (bird_protocol_up{{{_BGP}}}) == 0",
        "{{ $labels.router }}: the BGP session {{ $labels.name }} is down",
        "`make verify` says in which state it is.",
        pending=pending,
    )
    yield _alert(
        "UnderlaySessionFlapping",
        # Every change of state begins the count of seconds anew, however short it was.
        f"resets(bird_protocol_uptime{{{_BGP}}}[{alerts.flapping_window}s]) "
        f">= {alerts.flapping_changes}",
        "{{ $labels.router }}: the BGP session {{ $labels.name }} goes up and down",
        f"It changed {{{{ $value }}}} times within {alerts.flapping_window} s.",
        severity="warning",
    )
    if plan.bfd.enabled:
        yield _alert(
            "UnderlayBfdSessionDown",
            f"bird_bfd_session_up{{{_OF_ROUTERS}}} == 0",
            "{{ $labels.router }}: the BFD session with {{ $labels.ip }} is down",
            "Where BGP with it is up, its loss would be noticed after the hold time alone: look "
            "for UDP port 3784 between the two.",
            pending=pending,
        )
    yield from _near_limits(alerts)
    yield _alert(
        "UnderlayPlannedRouteMissing",
        f"underlay_planned_route_present{{{_OF_ROUTERS}}} == 0",
        "{{ $labels.router }} has no route to {{ $labels.prefix }}",
        "The plan has one, and the kernel's table has none that leads anywhere.",
        pending=pending,
    )


def _near_limits(alerts: Alerts) -> Iterator[Document]:
    taken = f"bird_protocol_prefix_import_count{{{_BGP}}}"
    refused = f"bird_protocol_prefix_filter_count{{{_BGP}}}"
    for limit, counted in (("import", taken), ("receive", f"{taken} + {refused}")):
        yield _alert(
            "UnderlayPrefixesNearLimit",
            f"sum by ({_SESSION}) ({counted}) / "
            f'sum by ({_SESSION}) (underlay_prefix_limit{{{_OF_ROUTERS},limit="{limit}"}})'
            f" >= {alerts.near_limit_percent / 100}",
            "{{ $labels.router }}: {{ $labels.name }} has nearly as many prefixes as it may",
            f"It is at {{{{ $value | humanizePercentage }}}} of its {limit} limit; at the limit, "
            "further prefixes are refused.",
            severity="warning",
            limit=limit,
        )


def _of_cilium(alerts: Alerts) -> Iterator[Document]:
    yield _alert(
        "UnderlayNodeSessionDown",
        "cilium_bgp_control_plane_session_state == 0",
        "{{ $labels.instance }}: Cilium's BGP session with {{ $labels.neighbor }} is down",
        "`cilium bgp peers` says in which state it is.",
        pending=f"{alerts.pending_time}s",
    )


def _alert(
    name: str,
    expression: str,
    summary: str,
    description: str,
    *,
    pending: str | None = None,
    severity: str = "critical",
    **labels: str,
) -> Document:
    return {
        "alert": name,
        "expr": expression,
        **({"for": pending} if pending else {}),
        "labels": {"severity": severity, **labels},
        "annotations": {"summary": summary, "description": description},
    }
