"""Each alert fires in its case and in no other, by Prometheus' own word (`promtool test rules`)."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from config.plan import Plan
from render.alerts import rules
from tests.render.plans import planned
from tests.render.prometheus import promtool, series

_BFD = {"redundancy": {"bfd": {"enabled": True}}}
ALL = planned({"observability": {"routers": True, "cilium": True}, **_BFD})

_ROUTER = 'job="underlay-routers",instance="10.1.1.2:9324",datacentre="dc1",router="dc1-router1"'
_SESSION = f'{_ROUTER},name="node_dc1_worker1",ip_version="4"'
_BIRD = f'{{{_SESSION},proto="BGP",import_filter="(unnamed)",export_filter="REJECT"}}'
_PRESENT = f'underlay_planned_route_present{{{_ROUTER},prefix="10.130.21.0/24"}}'
_BFD_UP = f'bird_bfd_session_up{{{_ROUTER},name="bfd1",ip="172.30.0.3",interface="eth2"}}'
_CILIUM = (
    'cilium_bgp_control_plane_session_state{instance="10.1.1.21:9962",vrouter="65001",'
    'neighbor="10.1.1.2",neighbor_asn="65000"}'
)


def up(state: str) -> str:
    return f'bird_protocol_up{_BIRD[:-1]},state="{state}"}}'


def limit(kind: str) -> str:
    return f'underlay_prefix_limit{{{_SESSION},limit="{kind}"}}'


#: A router of which all is well, every 15 s for an hour.
WELL: Mapping[str, str] = {
    f"up{{{_ROUTER}}}": "1x240",
    f"bird_daemon_up{{{_ROUTER}}}": "1x240",
    up("Established"): "1x240",
    f"bird_protocol_uptime{_BIRD}": "0+15x240",
    f"bird_protocol_prefix_import_count{_BIRD}": "200x240",
    f"bird_protocol_prefix_filter_count{_BIRD}": "0x240",
    limit("import"): "256x240",
    limit("receive"): "1024x240",
    _PRESENT: "1x240",
    _BFD_UP: "1x240",
    _CILIUM: "1x240",
}

#: The alerts that are firing after half an hour, by what is not well.
CASES: Sequence[tuple[str, Mapping[str, str], set[str]]] = [
    ("nothing", {}, set()),
    (
        "a router away",
        {f"up{{{_ROUTER}}}": "1x100 0x140"},
        {"UnderlayRouterUnreachable"},
    ),
    ("a BIRD away", {f"bird_daemon_up{{{_ROUTER}}}": "1x100 0x140"}, {"UnderlayBirdDown"}),
    (
        "a session down, in one state after the other",
        {
            # A series that a scrape no longer has is stale at once.
            up("Established"): "1x100 stale",
            up("Active"): "_x101 " + "0 stale " * 70,
            up("Connect"): "_x101 " + "_ 0 " + "stale 0 " * 69,
        },
        {"UnderlaySessionDown"},
    ),
    (
        "a session down for less than a minute",
        {
            up("Established"): "1x117 stale _ _ 1x119",
            up("Active"): "_x118 0 0 0 stale",
        },
        set(),
    ),
    (
        "a session that changes every minute",
        {f"bird_protocol_uptime{_BIRD}": "0 15 30 45 " * 60},
        {"UnderlaySessionFlapping"},
    ),
    (
        "a session that came back twice within a quarter of an hour",
        {f"bird_protocol_uptime{_BIRD}": "0+15x80 0 15 0+15x9 0 15 0+15x146"},
        set(),
    ),
    ("a BFD session down", {_BFD_UP: "1x100 0x140"}, {"UnderlayBfdSessionDown"}),
    ("one down for less than a minute", {_BFD_UP: "1x117 0x2 1x120"}, set()),
    (
        "prefixes at four fifths of the import limit",
        {f"bird_protocol_prefix_import_count{_BIRD}": "205x240"},
        {"UnderlayPrefixesNearLimit"},
    ),
    (
        "prefixes just below it",
        {f"bird_protocol_prefix_import_count{_BIRD}": "204x240"},
        set(),
    ),
    (
        "prefixes that filters refuse, at four fifths of the receive limit",
        {f"bird_protocol_prefix_filter_count{_BIRD}": "620x240"},
        {"UnderlayPrefixesNearLimit"},
    ),
    ("a route missing", {_PRESENT: "1x100 0x140"}, {"UnderlayPlannedRouteMissing"}),
    ("a node's session down", {_CILIUM: "1x100 0x140"}, {"UnderlayNodeSessionDown"}),
]

_AT = "30m"


def names(plan: Plan) -> set[str]:
    groups: Any = rules(plan)["groups"]
    return {rule["alert"] for group in groups for rule in group["rules"]}


def test_prometheus_takes_the_rules_without_a_word_of_warning(tmp_path: Path) -> None:
    said = promtool(tmp_path, "check", "rules", "rules.yml", rules=rules(ALL))
    assert "SUCCESS: 9 rules found" in said


@pytest.mark.parametrize(
    ("changed", "firing"), [case[1:] for case in CASES], ids=[case[0] for case in CASES]
)
def test_an_alert_fires_in_its_case_and_in_no_other(
    tmp_path: Path, changed: Mapping[str, str], firing: set[str]
) -> None:
    judged(
        tmp_path,
        changed,
        promql_expr_test=[
            {
                "expr": 'count by (alertname) (ALERTS{alertstate="firing"})',
                "eval_time": _AT,
                "exp_samples": [
                    {"labels": f'{{alertname="{name}"}}', "value": 1} for name in sorted(firing)
                ],
            }
        ],
    )


def judged(tmp_path: Path, changed: Mapping[str, str], **expected: object) -> None:
    """Have Prometheus' own tool judge what becomes of a fabric that is well but for this."""
    test = {"interval": "15s", "input_series": series({**WELL, **changed}), **expected}
    promtool(
        tmp_path,
        *("test", "rules", "test.yml"),
        rules=rules(ALL),
        test={"rule_files": ["rules.yml"], "evaluation_interval": "15s", "tests": [test]},
    )


def test_every_alert_has_a_case_in_which_it_fires() -> None:
    assert names(ALL) == set[str]().union(*(firing for _, _, firing in CASES))


def test_who_is_called_is_told_which_router_and_which_session(tmp_path: Path) -> None:
    judged(
        tmp_path,
        {f"bird_protocol_prefix_import_count{_BIRD}": "230x240"},
        alert_rule_test=[
            {
                "eval_time": _AT,
                "alertname": "UnderlayPrefixesNearLimit",
                "exp_alerts": [
                    {
                        "exp_labels": {
                            "severity": "warning",
                            "limit": "import",
                            "job": "underlay-routers",
                            "instance": "10.1.1.2:9324",
                            "datacentre": "dc1",
                            "router": "dc1-router1",
                            "name": "node_dc1_worker1",
                            "ip_version": "4",
                        },
                        "exp_annotations": {
                            "summary": "dc1-router1: node_dc1_worker1 has nearly as "
                            "many prefixes as it may",
                            "description": "It is at 89.84% of its import limit; at "
                            "the limit, further prefixes are refused.",
                        },
                    }
                ],
            }
        ],
    )


def test_rules_are_about_what_has_metrics() -> None:
    assert names(planned()) == set()
    assert names(planned({"observability": {"cilium": True}})) == {"UnderlayNodeSessionDown"}
    only_routers = names(planned({"observability": {"routers": True}}))
    assert not {"UnderlayNodeSessionDown", "UnderlayBfdSessionDown"} & only_routers


def test_thresholds_are_the_configurations(tmp_path: Path) -> None:
    alerts = {"near_limit_percent": 50, "flapping_changes": 7, "flapping_window": 120}
    written = planned({"observability": {"routers": True, "alerts": alerts | {"pending_time": 5}}})
    said = promtool(tmp_path, "check", "rules", "rules.yml", rules=rules(written))
    assert "SUCCESS" in said
    text = str(rules(written))
    assert "[120s]) >= 7" in text
    assert ">= 0.5" in text
    assert "'for': '5s'" in text
