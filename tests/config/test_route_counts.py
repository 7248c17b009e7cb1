"""What each way of telling of pods costs in routes."""

from collections.abc import Iterable, Mapping

import pytest

from config.load import load
from config.plan import make_plan
from config.route_counts import pod_route_counts, service_route_count
from config.schema import PodRoutes
from verify.expectations import expectations
from verify.model import UNREACHABLE, Kind

PODS = ("10.129.", "10.130.", "10.131.")
FABRIC = {"datacentres": [{"nodes": 3}, {"nodes": 5}, {"nodes": 1}]}


def test_the_counts_are_those_of_the_largest_table_that_is_expected() -> None:
    counts = pod_route_counts(make_plan(load(FABRIC)))
    assert counts == {PodRoutes.EACH: 9, PodRoutes.SUMMARY: 7, PodRoutes.NONE: 5}
    for choice, count in counts.items():
        plan = make_plan(load({**FABRIC, "pod_routes": choice.value}))
        tables = [m.routes for m in expectations(plan).values() if m.kind is Kind.ROUTER]
        assert most(tables, PODS) == count


@pytest.mark.parametrize("families", [["ipv4", "ipv6"], ["ipv6"]])
def test_what_is_counted_are_routes_of_all_families(families: list[str]) -> None:
    services = {"load_balancing": {"demo": [{}, {"name": "b"}]}}
    plan = make_plan(load({**FABRIC, **services, "families": families}))
    tables = [m.routes for m in expectations(plan).values() if m.kind is Kind.ROUTER]
    to_pods = most(tables, (*PODS, "fd75:6e64:6572:8"))
    assert to_pods == pod_route_counts(plan)[PodRoutes.EACH] == 9 * len(families)
    to_services = most(tables, ("10.112.", "fd75:6e64:6572:70::"))
    assert to_services == service_route_count(plan) == 2 * len(families)


def most(tables: Iterable[Mapping[str, frozenset[str]]], prefixes: tuple[str, ...]) -> int:
    """Of the table with most of them, how many routes lead to such prefixes."""
    return max(
        sum(prefix.startswith(prefixes) and UNREACHABLE not in ways for prefix, ways in of.items())
        for of in tables
    )


def test_services_in_one_aggregate_are_one_route() -> None:
    demo = {"demo": [{}, {"name": "b"}]}
    assert service_route_count(make_plan(load({"load_balancing": demo}))) == 2
    aggregated = {**demo, "aggregation_length": 24}
    assert service_route_count(make_plan(load({"load_balancing": aggregated}))) == 1
