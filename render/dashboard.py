"""A dashboard for Grafana: sessions, prefixes against their limits, routes, changes.

JSON as Grafana imports it and its sidecar reads it (Grafana docs, "Dashboard JSON model"). The
data source and the datacentres are chosen on the dashboard, so nothing in it is one stack's own.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from config.plan import Plan
from render.documents import Document
from render.scrape import ROUTERS

#: The model's version; Grafana brings older ones up to date by itself.
_SCHEMA_VERSION = 39
_SOURCE = {"type": "prometheus", "uid": "${datasource}"}
_COLUMNS, _HEIGHT = 24, 8

_HERE = f'job="{ROUTERS}",datacentre=~"$datacentre"'
_BGP = f'{_HERE},proto="BGP"'
_LEGEND = "{{router}} {{name}}"


@dataclass(frozen=True, slots=True)
class _Panel:
    """A title, what is drawn, and over how many of the 24 columns."""

    title: str
    expression: str
    legend: str
    width: int = 12
    kind: str = "timeseries"
    unit: str = "short"


_OF_ROUTERS = (
    _Panel(
        "Sessions down",
        f"count(max without (state) (bird_protocol_up{{{_BGP}}}) == 0) or vector(0)",
        "down",
        width=6,
        kind="stat",
    ),
    _Panel(
        "Planned routes missing",
        f"count(underlay_planned_route_present{{{_HERE}}} == 0) or vector(0)",
        "missing",
        width=6,
        kind="stat",
    ),
    _Panel("Routers that answer", f"sum(up{{{_HERE}}})", "routers", width=6, kind="stat"),
    _Panel("BIRDs that answer", f"sum(bird_daemon_up{{{_HERE}}})", "BIRDs", width=6, kind="stat"),
    _Panel("Sessions", f"max without (state) (bird_protocol_up{{{_BGP}}})", _LEGEND),
    _Panel("Age of sessions", f"bird_protocol_uptime{{{_BGP}}}", _LEGEND, unit="s"),
    _Panel("Prefixes taken", f"bird_protocol_prefix_import_count{{{_BGP}}}", _LEGEND),
    _Panel("Prefixes refused by filters", f"bird_protocol_prefix_filter_count{{{_BGP}}}", _LEGEND),
    _Panel(
        "Part of the import limit",
        f"sum by (router, name, ip_version) (bird_protocol_prefix_import_count{{{_BGP}}}) / "
        "sum by (router, name, ip_version) "
        f'(underlay_prefix_limit{{{_HERE},limit="import"}})',
        _LEGEND,
        unit="percentunit",
    ),
    _Panel(
        "Changes of state",
        f"resets(bird_protocol_uptime{{{_BGP}}}[$__rate_interval])",
        _LEGEND,
    ),
    _Panel(
        "Updates and withdrawals received",
        f"deriv(bird_protocol_changes_update_import_receive_count{{{_BGP}}}[$__rate_interval]) + "
        f"deriv(bird_protocol_changes_withdraw_import_receive_count{{{_BGP}}}[$__rate_interval])",
        _LEGEND,
        unit="cps",
    ),
    _Panel(
        "Planned routes that are there",
        f"avg by (router) (underlay_planned_route_present{{{_HERE}}})",
        "{{router}}",
        unit="percentunit",
    ),
)

_OF_BFD = (
    _Panel("BFD sessions", f"bird_bfd_session_up{{{_HERE}}}", "{{router}} {{ip}}"),
    _Panel(
        "Time until BFD finds a loss",
        f"bird_bfd_session_timeout_seconds{{{_HERE}}}",
        "{{router}} {{ip}}",
        unit="s",
    ),
)

_OF_CILIUM = (
    _Panel(
        "Cilium's sessions",
        "cilium_bgp_control_plane_session_state",
        "{{instance}} {{neighbor}}",
    ),
    _Panel(
        "Routes that Cilium advertises",
        "cilium_bgp_control_plane_advertised_routes",
        "{{instance}} {{neighbor}}",
    ),
)

_OF_HUBBLE = (
    _Panel(
        "Flows",
        "sum by (verdict) (rate(hubble_flows_processed_total[$__rate_interval]))",
        "{{verdict}}",
        unit="cps",
    ),
    _Panel(
        "Drops",
        "sum by (reason) (rate(hubble_drop_total[$__rate_interval]))",
        "{{reason}}",
        unit="cps",
    ),
)


def dashboard(plan: Plan) -> Document:
    """The dashboard of what has metrics. A panel of what is off would stay empty."""
    wanted = plan.observability
    plugins = {metric.partition(":")[0] for metric in wanted.hubble.metrics}
    panels = [
        *(_OF_ROUTERS if wanted.routers else ()),
        *(_OF_BFD if wanted.routers and plan.bfd.enabled else ()),
        *(_OF_CILIUM if wanted.cilium else ()),
        *(_OF_HUBBLE[:1] if "flow" in plugins else ()),
        *(_OF_HUBBLE[1:] if "drop" in plugins else ()),
    ]
    return {
        "uid": f"underlay-{plan.cluster}",
        "title": f"Underlay: {plan.cluster}",
        "tags": ["underlay", "bgp"],
        "schemaVersion": _SCHEMA_VERSION,
        "editable": True,
        "refresh": "30s",
        "time": {"from": "now-1h", "to": "now"},
        "templating": {"list": [_data_source(), *([_datacentre()] if wanted.routers else [])]},
        "panels": _placed(panels),
    }


def _placed(panels: Sequence[_Panel]) -> list[Document]:
    """The panels from left to right, and on to the next row where one is full."""
    placed: list[Document] = []
    x = y = 0
    for number, panel in enumerate(panels, start=1):
        if x + panel.width > _COLUMNS:
            x, y = 0, y + _HEIGHT
        placed.append(
            {
                "id": number,
                "title": panel.title,
                "type": panel.kind,
                "datasource": _SOURCE,
                "gridPos": {"x": x, "y": y, "w": panel.width, "h": _HEIGHT},
                "fieldConfig": {"defaults": {"unit": panel.unit, "min": 0}, "overrides": []},
                "targets": [
                    {
                        "refId": "A",
                        "datasource": _SOURCE,
                        "expr": panel.expression,
                        "legendFormat": panel.legend,
                    }
                ],
            }
        )
        x += panel.width
    return placed


def _data_source() -> Document:
    return {
        "name": "datasource",
        "label": "Prometheus",
        "type": "datasource",
        "query": "prometheus",
    }


def _datacentre() -> Document:
    query = f'label_values(up{{job="{ROUTERS}"}}, datacentre)'
    return {
        "name": "datacentre",
        "label": "Datacentre",
        "type": "query",
        "datasource": _SOURCE,
        "definition": query,
        "query": {"query": query, "refId": "A"},
        "includeAll": True,
        "multi": True,
        "current": {"text": ["All"], "value": ["$__all"]},
        "refresh": 2,
    }
