"""What a Prometheus and a Grafana inside the cluster find by themselves.

A ConfigMap for Grafana's sidecar, by the label that its chart looks for. Where the Prometheus
operator is used, also the rules and the routers' targets as its own resources
(monitoring.coreos.com: PrometheusRule v1, ScrapeConfig v1alpha1).
"""

from __future__ import annotations

import json

from config.observability import Discovery
from config.plan import Plan
from render import scrape
from render.alerts import rules
from render.dashboard import dashboard
from render.documents import Document

_NAME = "underlay"


def documents(plan: Plan) -> tuple[Document, ...]:
    """The objects for the namespace that the configuration names; without one, none."""
    wanted = plan.observability
    if wanted.namespace is None:
        return ()
    found = [_dashboard(plan, wanted.namespace)]
    if wanted.discovery is Discovery.SERVICE_MONITORS:
        found.append(_object(plan, "monitoring.coreos.com/v1", "PrometheusRule", rules(plan)))
        if wanted.routers:
            targets = scrape.targets(plan, agents=True)[scrape.ROUTERS]
            found.append(
                _object(
                    plan,
                    "monitoring.coreos.com/v1alpha1",
                    "ScrapeConfig",
                    {"staticConfigs": targets},
                )
            )
    return tuple(found)


def _dashboard(plan: Plan, namespace: str) -> Document:
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {
            "name": f"{_NAME}-dashboard",
            "namespace": namespace,
            "labels": {**plan.observability.labels, "grafana_dashboard": "1"},
        },
        "data": {f"{_NAME}.json": json.dumps(dashboard(plan))},
    }


def _object(plan: Plan, api_version: str, kind: str, spec: Document) -> Document:
    wanted = plan.observability
    return {
        "apiVersion": api_version,
        "kind": kind,
        "metadata": {
            "name": _NAME,
            "namespace": wanted.namespace,
            "labels": dict(wanted.labels),
        },
        "spec": spec,
    }
