"""The part of the Cilium chart's values that is about being watched.

Names are those of Cilium 1.19 (docs.cilium.io, "Monitoring & Metrics" and "Helm Reference"). With
annotations, the chart marks pods and services `prometheus.io/scrape`; with service monitors it
leaves the annotations out, and wants the CRDs of the Prometheus operator to be there already.
"""

from __future__ import annotations

from config.observability import Discovery, Observability
from config.plan import Plan
from render.documents import Document
from render.scrape import AGENT_PORT, HUBBLE_PORT


def values(plan: Plan) -> Document:
    """What is beside the other values: nothing where nothing is on."""
    wanted = plan.observability
    found: Document = {}
    if wanted.cilium:
        found["prometheus"] = {"enabled": True, "port": AGENT_PORT, **_monitor(wanted)}
    if hubble := _hubble(wanted):
        found["hubble"] = {"enabled": True, **hubble}
    return found


def operator(plan: Plan) -> Document:
    """What is among the operator's own values."""
    wanted = plan.observability
    return {"prometheus": {"enabled": True, **_monitor(wanted)}} if wanted.cilium else {}


def _hubble(wanted: Observability) -> Document:
    found: Document = {}
    if wanted.hubble.metrics:
        found["metrics"] = {
            "enabled": list(wanted.hubble.metrics),
            "port": HUBBLE_PORT,
            **_monitor(wanted),
        }
    if wanted.hubble.relay:
        found["relay"] = {"enabled": True}
    if wanted.hubble.ui:
        found["ui"] = {"enabled": True}
    return found


def _monitor(wanted: Observability) -> Document:
    if wanted.discovery is Discovery.ANNOTATIONS:
        return {}
    labels: Document = {"labels": dict(wanted.labels)} if wanted.labels else {}
    return {"serviceMonitor": {"enabled": True, **labels}}
