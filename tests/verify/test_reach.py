"""What is made of who was reached by whom."""

import pytest

from config.load import load
from config.plan import make_plan
from verify.model import Check
from verify.reach import Reached, findings, pairs, pods

PLAN = make_plan(load({"datacentres": [{"nodes": 1}, {"nodes": 1, "routers": 2}]}))
AMS, FRA = "dc1-controlplane1-pod1", "dc2-worker1-pod1"

ALL_WELL = {
    (AMS, FRA): "10.129.11.10",
    (FRA, AMS): "10.130.21.10",
    (AMS, "internet"): "172.31.0.10",
    (FRA, "internet"): "172.31.0.13",
}


def found(
    changed: dict[tuple[str, str], str | None], errors: dict[tuple[str, str], str] | None = None
) -> list[tuple[str, Check, str]]:
    """The findings where all is well but for these pairs."""
    sources = {pair: source for pair, source in {**ALL_WELL, **changed}.items() if source}
    reached = Reached(sources, errors or {})
    return [(f.machine, f.check, f.message) for f in findings(PLAN, reached)]


def test_pods_are_those_of_the_plan_with_the_addresses_that_the_wan_may_see() -> None:
    assert [(p.name, p.node, p.address, sorted(p.seen_outside_as)) for p in pods(PLAN)] == [
        (AMS, "dc1-controlplane1", "10.129.11.10", ["172.31.0.10"]),
        (FRA, "dc2-worker1", "10.130.21.10", ["172.31.0.12", "172.31.0.13"]),
    ]


def test_where_everybody_is_reached_as_themselves_there_is_nothing_to_find() -> None:
    assert found({}) == []


def test_a_pod_that_is_not_reached_is_found_on_the_senders_node() -> None:
    assert found({(AMS, FRA): None}) == [
        ("dc1-controlplane1", Check.PODS, f"{AMS} cannot reach {FRA}: nothing arrived")
    ]


def test_why_nothing_could_be_sent_is_said() -> None:
    assert found({(AMS, FRA): None}, {(AMS, FRA): "Network is unreachable"}) == [
        ("dc1-controlplane1", Check.PODS, f"{AMS} cannot reach {FRA}: Network is unreachable")
    ]


def test_an_error_that_a_later_attempt_made_good_is_none() -> None:
    assert found({}, {(AMS, FRA): "Network is unreachable"}) == []


def test_a_pod_that_is_seen_as_somebody_else_is_found() -> None:
    assert found({(FRA, AMS): "172.30.0.3"}) == [
        ("dc2-worker1", Check.SOURCE, f"{AMS} sees {FRA} as 172.30.0.3, not 10.130.21.10")
    ]


def test_a_pod_that_does_not_get_out_is_found() -> None:
    assert found({(FRA, "internet"): None}) == [
        ("dc2-worker1", Check.WAN, f"{FRA} cannot reach the WAN: nothing arrived")
    ]


@pytest.mark.parametrize("source", ["10.130.21.10", "172.31.0.10"])
def test_a_pod_that_the_wan_sees_as_other_than_one_of_its_routers_is_found(source: str) -> None:
    assert found({(FRA, "internet"): source}) == [
        (
            "dc2-worker1",
            Check.WAN,
            f"the WAN sees {FRA} as {source}, not as its router 172.31.0.12 or 172.31.0.13",
        )
    ]


def test_a_pod_that_leaves_by_a_gateway_must_be_seen_by_the_gateways_address() -> None:
    plan = make_plan(load({"datacentres": [{"nodes": 2}], "egress_gateway": {}}))
    selected = [pod for pod in pods(plan) if pod.seen_outside_as == {"10.113.0.1"}]
    assert [pod.name for pod in selected] == ["dc1-controlplane1-pod2", "dc1-worker1-pod2"]
    reached = Reached({(pod.name, "internet"): "172.31.0.10" for pod in pods(plan)}, {})
    said = [f.message for f in findings(plan, reached) if f.check is Check.WAN]
    assert said == [
        f"the WAN sees {pod.name} as 172.31.0.10, not as its egress gateway 10.113.0.1"
        for pod in selected
    ]


def test_where_nothing_was_reached_every_pair_is_found() -> None:
    nothing = list(findings(PLAN, Reached()))
    assert [finding.check for finding in nothing].count(Check.PODS) == 2
    assert [finding.check for finding in nothing].count(Check.WAN) == 2


def test_pods_that_no_router_tells_of_are_not_expected_to_be_reached() -> None:
    two_each = {"datacentres": [{"nodes": 2}, {"nodes": 1}]}
    apart = make_plan(load({**two_each, "pod_routes": "none"}))
    assert [(a.node, b.node) for a, b in pairs(apart)] == [
        ("dc1-controlplane1", "dc1-worker1"),
        ("dc1-worker1", "dc1-controlplane1"),
    ]
    assert len(list(pairs(make_plan(load(two_each))))) == 6


@pytest.mark.parametrize(
    ("destinations", "is_meant"),
    [(["172.31.0.0/24", "198.51.100.0/24"], True), (["198.51.100.0/24"], False)],
)
def test_a_selected_pod_leaves_by_its_gateway_to_the_destinations_alone(
    destinations: list[str], is_meant: bool
) -> None:
    egress = {"destinations": destinations}
    plan = make_plan(load({"datacentres": [{"nodes": 2}], "egress_gateway": egress}))
    *_, selected = pods(plan)
    assert selected.seen_outside_as == {"10.113.0.1" if is_meant else "172.31.0.10"}
