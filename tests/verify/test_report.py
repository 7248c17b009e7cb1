"""The verification as a whole, with made-up observations: what was checked, and what it says."""

import json
from collections.abc import Callable, Mapping
from dataclasses import replace

import pytest
from syrupy.assertion import SnapshotAssertion

from config.load import load
from config.plan import make_plan
from tests.verify.sights import Look, as_planned
from verify import probes, reach
from verify.model import Check, Expected, Finding, Kind, Observed
from verify.reach import Reached, pods
from verify.report import Report
from verify.twin_stack import TwinStack

PLAN = make_plan(load({"datacentres": [{"nodes": 1}, {"nodes": 1}]}))


def everybody() -> Reached:
    everyone = pods(PLAN)
    sources = {(a.name, b.name): a.address for a in everyone for b in everyone if a is not b}
    outside = {(pod.name, "internet"): min(pod.seen_outside_as) for pod in everyone}
    return Reached(sources | outside)


@pytest.fixture
def verified(monkeypatch: pytest.MonkeyPatch) -> Callable[[Look, Reached], Report]:
    """Verify what a look would show and who was reached, instead of a network."""

    def run(look: Look, reached: Reached) -> Report:
        monkeypatch.setattr(probes, "look", look)
        monkeypatch.setattr(reach, "probe", lambda _stack, _plan: reached)
        return TwinStack("twin", PLAN).report()

    return run


def test_where_all_is_as_planned_the_report_is_good(
    verified: Callable[[Look, Reached], Report],
) -> None:
    report = verified(as_planned, everybody())
    assert report.is_good
    assert report.findings == ()


def test_it_says_how_much_was_checked_on_each_machine(
    verified: Callable[[Look, Reached], Report],
) -> None:
    report = verified(as_planned, everybody())
    assert report.checked["dc1-router1"] == {
        Check.ROUTES: 13,
        Check.SESSIONS: 2,
        Check.ANNOUNCEMENTS: 2,
    }
    assert report.checked["dc2-worker1"] == {
        Check.ROUTES: 4,
        Check.SESSIONS: 1,
        Check.PODS: 1,
        Check.SOURCE: 1,
        Check.WAN: 1,
    }
    assert report.checked["dc2-worker1-pod1"] == {Check.ROUTES: 2}
    assert report.checked["internet"] == {Check.ROUTES: 1}
    assert report.pods == {"dc1-controlplane1-pod1", "dc2-worker1-pod1"}


def without_node_sessions(stack: str, expected: Expected) -> Observed:
    observed = as_planned(stack, expected)
    return replace(observed, sessions={}) if expected.kind is Kind.NODE else observed


def test_findings_of_all_checks_come_together(
    verified: Callable[[Look, Reached], Report],
) -> None:
    reached = everybody()
    del reached.sources["dc2-worker1-pod1", "internet"]
    report = verified(without_node_sessions, reached)
    assert not report.is_good
    assert [str(finding) for finding in report.findings] == [
        "dc1-controlplane1: no session with dc1-router1 (10.1.1.2) is configured",
        "dc2-worker1: no session with dc2-router1 (10.1.2.2) is configured",
        "dc2-worker1: dc2-worker1-pod1 cannot reach the WAN: nothing arrived",
    ]
    assert report.failures("dc2-worker1") == {Check.SESSIONS: 1, Check.WAN: 1}
    assert not report.failures("dc1-router1")


def test_the_report_for_programs(
    verified: Callable[[Look, Reached], Report], snapshot: SnapshotAssertion
) -> None:
    reached = everybody()
    reached.sources["dc1-controlplane1-pod1", "dc2-worker1-pod1"] = "172.30.0.1"
    report = verified(without_node_sessions, reached)
    assert json.dumps(report.as_json(), indent=2) == snapshot


def made_up(checked: Mapping[str, Mapping[Check, int]], *findings: Finding) -> Report:
    return Report("twin", checked, frozenset(), findings)


def test_no_machine_has_less_than_nothing_good() -> None:
    unplanned = Finding("pod", Check.ROUTES, "a route to x by y is not in the plan")
    report = made_up({"pod": {Check.ROUTES: 2}}, *[unplanned] * 3)
    assert report.as_json()["machines"] == {"pod": {"routes": {"good": 0, "of": 2}}}
