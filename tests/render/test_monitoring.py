"""The dashboard, and the objects for a Prometheus and a Grafana in the cluster."""

import itertools
import json
import re
from pathlib import Path
from typing import Any

from syrupy.assertion import SnapshotAssertion

from config.plan import Plan
from render import cilium, monitoring, scrape
from render.alerts import rules
from render.dashboard import dashboard
from render.documents import Document
from render.yaml_text import yaml_text
from tests.render.plans import planned
from tests.render.prometheus import promtool

_EVERYTHING = {
    "routers": True,
    "cilium": True,
    "hubble": {"metrics": ["drop", "flow:sourceContext=pod"], "relay": True, "ui": True},
    "namespace": "monitoring",
    "labels": {"release": "prom"},
}
_BFD = {"redundancy": {"bfd": {"enabled": True}}}
ANNOTATED = planned({"observability": _EVERYTHING, **_BFD})
MONITORED = planned({"observability": _EVERYTHING | {"discovery": "service-monitors"}, **_BFD})


def panels(plan: Plan) -> list[dict[str, Any]]:
    found: Any = dashboard(plan)["panels"]
    return list(found)


def expressions(plan: Plan) -> list[str]:
    return [target["expr"] for panel in panels(plan) for target in panel["targets"]]


def test_prometheus_takes_the_expression_of_every_panel(tmp_path: Path) -> None:
    """As the rules of a file, with what Grafana would put in for its variables."""
    filled = [
        text.replace("$__rate_interval", "1m").replace("$datacentre", "dc1|dc2")
        for text in expressions(ANNOTATED)
    ]
    assert not [text for text in filled if "$" in text]
    recorded = [{"record": f"panel{n}", "expr": text} for n, text in enumerate(filled)]
    groups: Document = {"groups": [{"name": "panels", "rules": recorded}]}
    said = promtool(tmp_path, "check", "rules", "panels.yml", panels=groups)
    assert f"SUCCESS: {len(filled)} rules found" in said


def test_panels_and_rules_ask_only_for_what_somebody_tells() -> None:
    """Names of metrics that routers have are those that the script prints, letter by letter."""
    script = "render/templates/metrics.sh.j2"
    text = (Path(__file__).parents[2] / script).read_text()
    groups: Any = rules(ANNOTATED)["groups"]
    asked = " ".join(
        [*expressions(ANNOTATED), *(rule["expr"] for group in groups for rule in group["rules"])]
    )
    for name in set(re.findall(r"\b(?:bird|underlay)_[a-z_]+", asked)):
        stem = re.sub(r"_(import|export|filter|preferred|update|withdraw)_.*", "_", name)
        assert f'"{stem}' in text, name


def test_no_panel_lies_on_another_and_none_leaves_the_grid() -> None:
    places = [panel["gridPos"] for panel in panels(ANNOTATED)]
    assert all(place["x"] + place["w"] <= 24 for place in places)
    for one, other in itertools.combinations(places, 2):
        assert (
            one["x"] + one["w"] <= other["x"]
            or other["x"] + other["w"] <= one["x"]
            or one["y"] + one["h"] <= other["y"]
            or other["y"] + other["h"] <= one["y"]
        )
    assert len({panel["id"] for panel in panels(ANNOTATED)}) == len(places)


def test_every_panel_takes_its_data_from_the_source_that_is_chosen_above() -> None:
    templating: Any = dashboard(ANNOTATED)["templating"]
    names = {f"${{{variable['name']}}}" for variable in templating["list"]}
    assert {panel["datasource"]["uid"] for panel in panels(ANNOTATED)} <= names


def test_what_is_off_has_no_panel() -> None:
    assert panels(planned()) == []
    only_cilium = planned({"observability": {"cilium": True}})
    assert all("cilium" in text for text in expressions(only_cilium))
    without_bfd = planned({"observability": {"routers": True}})
    assert not [text for text in expressions(without_bfd) if "bfd" in text]
    dns = planned({"observability": {"hubble": {"metrics": ["dns"]}}})
    assert panels(dns) == []


def test_without_a_namespace_nothing_is_put_into_the_cluster() -> None:
    assert monitoring.documents(planned({"observability": {"routers": True}})) == ()


def test_grafanas_sidecar_finds_the_dashboard_by_its_label() -> None:
    (found,) = monitoring.documents(ANNOTATED)
    metadata: Any = found["metadata"]
    assert metadata["labels"] == {"release": "prom", "grafana_dashboard": "1"}
    assert metadata["namespace"] == "monitoring"
    data: Any = found["data"]
    assert json.loads(data["underlay.json"]) == dashboard(ANNOTATED)


def test_the_prometheus_operator_gets_rules_and_targets_too(snapshot: SnapshotAssertion) -> None:
    _, rule, config = monitoring.documents(MONITORED)
    assert rule["spec"] == rules(MONITORED)
    assert yaml_text(rule, config) == snapshot


def test_cilium_is_told_which_metrics_and_how_they_are_found() -> None:
    values: Any = cilium.helm_values(ANNOTATED)
    assert values["prometheus"] == {"enabled": True, "port": 9962}
    assert values["operator"] == {"replicas": 2, "prometheus": {"enabled": True}}
    assert values["hubble"] == {
        "enabled": True,
        "metrics": {"enabled": ["drop", "flow:sourceContext=pod"], "port": 9965},
        "relay": {"enabled": True},
        "ui": {"enabled": True},
    }
    monitored: Any = cilium.helm_values(MONITORED)
    monitor = {"enabled": True, "labels": {"release": "prom"}}
    for found in (
        monitored["prometheus"],
        monitored["operator"]["prometheus"],
        monitored["hubble"]["metrics"],
    ):
        assert found["serviceMonitor"] == monitor


def test_cilium_is_told_nothing_where_nothing_is_on() -> None:
    assert not {"prometheus", "hubble"} & cilium.helm_values(planned()).keys()
    assert cilium.helm_values(planned())["operator"] == {"replicas": 2}


def test_targets_are_by_job_and_have_one_shape_whatever_is_on() -> None:
    jobs = {"underlay-routers", "cilium-agent", "hubble"}
    assert scrape.targets(planned(), agents=True) == {job: [] for job in jobs}
    found = scrape.targets(ANNOTATED, agents=True)
    assert found.keys() == jobs
    assert found["underlay-routers"][1] == {
        "targets": ["10.1.2.2:9324"],
        "labels": {
            "job": "underlay-routers",
            "datacentre": "dc2",
            "router": "dc2-router1",
            "__metrics_path__": "/cgi-bin/metrics.sh",
        },
    }
    assert [config["targets"] for config in found["hubble"]] == [
        ["10.1.1.11:9965"],
        ["10.1.1.21:9965"],
        ["10.1.2.21:9965"],
        ["10.1.2.22:9965"],
    ]


def test_a_twins_nodes_which_run_no_cilium_are_no_targets() -> None:
    found = scrape.targets(ANNOTATED, agents=False)
    assert len(found["underlay-routers"]) == 2
    assert found["cilium-agent"] == found["hubble"] == []


def test_prometheus_takes_the_targets(tmp_path: Path) -> None:
    found = scrape.targets(ANNOTATED, agents=True)
    configs = [config for job in found.values() for config in job]
    (tmp_path / "targets.json").write_text(json.dumps(configs))
    job = {"job_name": "underlay", "file_sd_configs": [{"files": ["targets.json"]}]}
    promtool(tmp_path, "check", "config", "prometheus.yml", prometheus={"scrape_configs": [job]})
