"""Observability is off by default, and settings of it that would do nothing are refused."""

from ipaddress import IPv4Network
from typing import Any

import pytest

from config.load import load
from config.plan import make_plan
from tests.config.refusals import refusals

_HERE = "fabric.observability"


def test_nothing_listens_for_a_reader_of_metrics_unless_it_is_asked_for() -> None:
    assert not load().fabric.observability.is_on


@pytest.mark.parametrize(
    ("written", "message"),
    [
        (
            {"hubble": {"ui": True}},
            "hubble.ui true gets its flows from the relay: add hubble.relay: true",
        ),
        (
            {"readers": ["192.0.2.0/24"]},
            "readers would find nothing to read: add routers: true, or drop it",
        ),
        (
            {"discovery": "service-monitors"},
            "discovery service-monitors has nothing to discover: "
            "turn on routers, cilium or hubble.metrics, or drop it",
        ),
        (
            {"cilium": True, "discovery": "service-monitors"},
            "discovery service-monitors needs the namespace that the Prometheus operator watches: "
            "add namespace: monitoring, or whatever it is called",
        ),
        (
            {"namespace": "monitoring"},
            "namespace monitoring would get a dashboard and rules of nothing: "
            "turn on routers, cilium or hubble.metrics, or drop it",
        ),
        (
            {"routers": True, "labels": {"release": "prom"}},
            "labels are of objects that are not made: add namespace, or drop it",
        ),
        (
            {"discovery": "guessing"},
            "discovery guessing is none of the choices: write 'annotations' or 'service-monitors'",
        ),
        ({"routers": "perhaps"}, "routers perhaps is neither true nor false: write true or false"),
        (
            {"hubble": {"metrics": ["drop it"]}},
            "hubble.metrics[0] drop it is no metric of Hubble: "
            "write one such as drop, dns or flow:labels",
        ),
        ({"alerts": {"near_limit_percent": 101}}, "too large: write 100 or less"),
        ({"alerts": {"flapping_changes": 1}}, "too small: write 2 or more"),
        ({"hubbel": {}}, "hubbel is not a setting: did you mean hubble?"),
    ],
)
def test_a_setting_that_cannot_work_is_refused(written: dict[str, Any], message: str) -> None:
    (refusal,) = refusals({"observability": written})
    assert refusal.startswith(f"{_HERE}.")
    assert refusal.endswith(message)


def test_a_label_that_kubernetes_would_not_take_is_refused() -> None:
    written = {"routers": True, "namespace": "monitoring", "labels": {"release": "two words"}}
    (refusal,) = refusals({"observability": written})
    assert "has release: two words, which is no label: write such as release: prom" in refusal


def test_routers_are_read_by_the_fabric_itself_by_management_and_by_whoever_is_named() -> None:
    fabric = {
        "datacentres": [{}, {"lan": "192.168.7.0/24"}],
        "management": ["172.31.0.1/32"],
        "observability": {"routers": True, "readers": ["203.0.114.0/24"]},
    }
    assert make_plan(load(fabric)).metrics_readers == tuple(
        IPv4Network(network)
        for network in (
            *("10.1.0.0/16", "192.168.7.0/24", "10.128.0.0/9"),
            *("172.31.0.1/32", "203.0.114.0/24"),
        )
    )
