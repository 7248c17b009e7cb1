"""Services on a twin: who announces them, who answers, and what happens when nobody does."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest

from tests.engine.stack import Stack
from twin import daemons
from twin.load_balancer import TABLE
from twin.machine import run_nft
from verify import probes
from verify.model import Check

pytestmark = [pytest.mark.engine, pytest.mark.twin, pytest.mark.timeout(300)]

#: Long enough for a machine that does much else.
_LIMIT_SECONDS = 30

FABRIC = {
    "datacentres": [{"nodes": 3}, {"nodes": 1}],
    "load_balancing": {
        "announce": ["LoadBalancerIP", "ExternalIP", "ClusterIP"],
        "demo": [
            {"name": "web"},
            {
                "name": "local",
                "datacentre": "dc1",
                "replicas": 1,
                "external_traffic_policy": "Local",
            },
        ],
    },
    "management": ["172.31.0.0/22"],
}
WEB, LOCAL = "10.112.0.1", "10.112.0.2"
ROUTERS = ("dc1-router1", "dc2-router1")
NODES = ("dc1-controlplane1", "dc1-worker1", "dc1-worker2", "dc2-worker1")


def test_services_are_announced_answer_go_with_their_pods_and_come_back(stack: Stack) -> None:
    stack.configure(FABRIC)
    stack.up()
    assert stack.outputs()["vips"] == {"web": WEB, "local": LOCAL}
    report = stack.verify()
    assert report.findings == ()
    asking = {name for name, counts in report.checked.items() if counts.get(Check.VIPS)}
    assert asking >= {*ROUTERS, "dc1-worker1", "dc2-worker1", "internet"}

    nodes = {"10.1.1.11", "10.1.1.21", "10.1.1.22"}
    assert ways(stack, "dc1-router1", WEB) == nodes
    assert ways(stack, "dc1-router1", LOCAL) == {"10.1.1.21"}
    assert ways(stack, "dc2-router1", LOCAL) == {"172.30.0.1"}

    end_backend(stack, "dc1-worker1-pod2")
    until(lambda: all(ways(stack, router, LOCAL) is None for router in ROUTERS))
    assert ways(stack, "dc1-router1", WEB) == nodes
    said = [str(finding) for finding in stack.verify().findings]
    assert f"dc2-router1: no route to {LOCAL}, planned by 172.30.0.1" in said
    assert any(f"gets no answer from local at {LOCAL}" in line for line in said)

    end_backend(stack, "dc1-worker1-pod1")
    until(lambda: not any("10.129.21.10" in rules(stack, node) for node in NODES))
    assert not any("from web" in str(finding) for finding in stack.verify().findings)
    end_backend(stack, "dc1-worker2-pod1")
    end_backend(stack, "dc2-worker1-pod1")
    until(lambda: all(ways(stack, router, WEB) is None for router in ROUTERS))

    stack.up("--refresh")
    assert stack.verify().findings == ()
    stack.destroy()
    assert stack.remains() == []


def test_services_come_and_go_with_the_configuration(stack: Stack) -> None:
    demo = [{"name": "web", "replicas": 1}]
    stack.configure({"datacentres": [{"nodes": 1}], "load_balancing": {"demo": demo}})
    stack.up()
    since = stack.sessions_since("dc1-router1")
    pod = stack.place("dc1-controlplane1-pod1")
    demo += [{"name": "more", "replicas": 1}]
    stack.configure({"datacentres": [{"nodes": 1}], "load_balancing": {"demo": demo}})
    stack.up()
    assert stack.verify().findings == ()
    stack.configure({"datacentres": [{"nodes": 1}]})
    stack.up()
    assert stack.verify().findings == ()
    assert daemons.running_in(pod.folder) == []
    assert ways(stack, "dc1-router1", WEB) is None
    assert stack.sessions_since("dc1-router1") == since


def ways(stack: Stack, machine: str, destination: str) -> set[str] | None:
    """How a machine's kernel goes there; None where it knows nothing of that very address."""
    found = probes.table(stack.place(machine)).get(destination)
    return None if found is None else set(found)


def rules(stack: Stack, node: str) -> str:
    """A node's load balancing: every pod that it sends to is in it."""
    return run_nft(stack.place(node), ["list", "table", *TABLE.split()])


def end_backend(stack: Stack, pod: str) -> None:
    """End what runs in a pod, and nothing else."""
    processes = daemons.running_in(stack.place(pod).folder, "twin.httpd")
    assert len(processes) == 1
    daemons.stop(processes)


def until(is_so: Callable[[], bool]) -> None:
    """Wait until it is so."""
    deadline = time.monotonic() + _LIMIT_SECONDS
    while not is_so():
        assert time.monotonic() < deadline, "it did not come to be"
        time.sleep(0.02)
