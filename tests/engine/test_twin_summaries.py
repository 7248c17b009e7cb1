"""One route for all pods of a datacentre, and a router that has lost one of its nodes."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest

from tests.engine.stack import Stack
from twin.birdc import ask
from twin.router import control_socket
from verify import probes, reach

pytestmark = [pytest.mark.engine, pytest.mark.twin, pytest.mark.timeout(300)]

#: Long enough for a machine that does much else.
_LIMIT_SECONDS = 30


def test_a_router_that_has_lost_a_node_goes_by_the_other_router_of_its_datacentre(
    stack: Stack,
) -> None:
    """The others know only the summary, which the router goes on announcing."""
    stack.configure(
        {"datacentres": [{"nodes": 1}, {"nodes": 1, "routers": 2}], "pod_routes": "summary"}
    )
    stack.up()
    assert stack.verify().findings == ()
    pods = "10.130.21.0/24"
    lost = stack.place("dc2-router1")
    ask(control_socket(lost), "disable node_dc2_worker1")
    until(lambda: probes.table(lost).get(pods) == frozenset({"172.30.0.4"}))
    far = probes.table(stack.place("dc1-router1"))
    assert far["10.130.0.0/16"] == frozenset({"172.30.0.3", "172.30.0.4"})
    assert pods not in far
    plan = stack.plan()
    assert list(reach.findings(plan, reach.probe(stack.name, plan))) == []


def until(is_so: Callable[[], bool]) -> None:
    """Wait until it is so."""
    deadline = time.monotonic() + _LIMIT_SECONDS
    while not is_so():
        assert time.monotonic() < deadline, "it did not come to be"
        time.sleep(0.02)
