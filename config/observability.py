"""What the fabric tells of itself: metrics, alerts and dashboards.

Everything is off until it is asked for, since each part listens somewhere.
"""

from __future__ import annotations

import re
from enum import StrEnum
from typing import Annotated

from pydantic import AfterValidator, Field

from config.scalars import AnyPrefix, DnsLabel, Seconds, Whole, refusal
from config.strict import Strict

#: Where a router's metrics are. The default of bird_exporter, whose names they have (Prometheus
#: wiki, "Default port allocations").
ROUTER_PORT = 9324

#: A plugin of Hubble and its options, as the chart takes them: `drop`, `flow:sourceContext=pod`.
_HUBBLE_METRIC = re.compile(r"[a-zA-Z][a-zA-Z0-9-]*(:[^\s:][^\s]*)?")
# Kubernetes, "Labels and Selectors", syntax.
_LABEL_KEY = re.compile(r"([a-z0-9]([a-z0-9.-]*[a-z0-9])?/)?[A-Za-z0-9]([A-Za-z0-9._-]{0,61}\w)?")
_LABEL_VALUE = re.compile(r"([A-Za-z0-9]([A-Za-z0-9._-]{0,61}[A-Za-z0-9])?)?")


def _hubble_metric(value: str) -> str:
    if not _HUBBLE_METRIC.fullmatch(value):
        raise refusal("is no metric of Hubble", "write one such as drop, dns or flow:labels")
    return value


def _labels(value: dict[str, str]) -> dict[str, str]:
    for key, text in value.items():
        if not _LABEL_KEY.fullmatch(key) or not _LABEL_VALUE.fullmatch(text):
            raise refusal(f"has {key}: {text}, which is no label", "write such as release: prom")
    return value


HubbleMetric = Annotated[str, AfterValidator(_hubble_metric)]


class Discovery(StrEnum):
    """How a Prometheus in the cluster finds what to scrape."""

    ANNOTATIONS = "annotations"
    SERVICE_MONITORS = "service-monitors"


class Hubble(Strict):
    """Hubble's own metrics, the relay that joins all nodes' flows, and the user interface."""

    metrics: tuple[HubbleMetric, ...] = ()
    relay: bool = False
    ui: bool = False


class Alerts(Strict):
    """When the rules call. Times are in seconds, `near_limit_percent` is of a prefix limit."""

    pending_time: Seconds = 60
    near_limit_percent: Annotated[Whole, Field(ge=1, le=100)] = 80
    flapping_changes: Annotated[Whole, Field(ge=2, le=1000)] = 5
    flapping_window: Annotated[Whole, Field(ge=60, le=65535)] = 900


class Observability(Strict):
    """Which parts of the fabric have metrics, who may read them and how they are found.

    `readers` may read the routers' metrics besides the fabric's own machines and pods and the
    management. `namespace` is where a Prometheus and a Grafana in the cluster look for objects,
    `labels` what they know them by; without it none are made.
    """

    routers: bool = False
    readers: tuple[AnyPrefix, ...] = ()
    cilium: bool = False
    hubble: Hubble = Hubble()
    discovery: Discovery = Discovery.ANNOTATIONS
    namespace: DnsLabel | None = None
    labels: Annotated[dict[str, str], AfterValidator(_labels)] = Field(default_factory=dict)
    alerts: Alerts = Alerts()

    @property
    def is_on(self) -> bool:
        """Whether anything has metrics."""
        return self.routers or self.cilium or bool(self.hubble.metrics)
