"""What each way of telling of pods costs in routes."""

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
        found = [
            sum(prefix.startswith(PODS) and UNREACHABLE not in routes[prefix] for prefix in routes)
            for routes in tables
        ]
        assert max(found) == count


def test_services_in_one_aggregate_are_one_route() -> None:
    demo = {"demo": [{}, {"name": "b"}]}
    assert service_route_count(make_plan(load({"load_balancing": demo}))) == 2
    aggregated = {**demo, "aggregation_length": 24}
    assert service_route_count(make_plan(load({"load_balancing": aggregated}))) == 1
