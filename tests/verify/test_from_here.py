"""Connections from this machine, to loopback."""

import socket
from collections.abc import Iterator

import pytest

from config.load import load
from config.plan import make_plan
from verify.from_here import Target, findings, targets
from verify.model import Check

PLAN = make_plan(load({"datacentres": [{"nodes": 1}, {"nodes": 1}]}))


@pytest.fixture
def port() -> Iterator[int]:
    """Where somebody listens."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


def target(port: int, what: str = "the node") -> Target:
    return Target("dc1-worker1", what, "127.0.0.1", port, "10.1.1.0/24")


def test_each_node_is_tried_at_its_own_address_and_at_a_pods() -> None:
    found = targets(PLAN, {"dc1-controlplane1": ["10.129.11.77"]})
    assert [(target.node, target.address, target.port) for target in found] == [
        ("dc1-controlplane1", "10.1.1.11", 50000),
        ("dc1-controlplane1", "10.129.11.77", 4240),
        ("dc2-worker1", "10.1.2.21", 50000),
    ]


def test_in_both_families_a_node_and_its_pods_are_tried_in_each() -> None:
    plan = make_plan(load({"datacentres": [{"nodes": 1}], "families": ["ipv6", "ipv4"]}))
    health = ["10.129.11.77", "fd75:6e64:6572:810b::4d"]
    found = targets(plan, {"dc1-controlplane1": health})
    assert [(target.address, target.prefix) for target in found] == [
        ("fd75:6e64:6572:101::b", "fd75:6e64:6572:101::/64"),
        ("10.1.1.11", "10.1.1.0/24"),
        ("10.129.11.77", "10.129.11.0/24"),
        ("fd75:6e64:6572:810b::4d", "fd75:6e64:6572:810b::/64"),
    ]


def test_who_answers_is_reached(port: int) -> None:
    assert list(findings([target(port)])) == []


def test_who_does_not_is_named_with_what_would_have_to_lead_there(port: int) -> None:
    with socket.create_server(("127.0.0.1", 0)) as gone:
        closed = gone.getsockname()[1]
    (finding,) = findings([target(port), target(closed, "its pods")])
    assert finding.check is Check.REACHED
    assert str(finding) == (
        f"dc1-worker1: its pods cannot be reached from here at 127.0.0.1 port {closed}: "
        f"{_refused(closed)}. Does a route to 10.1.1.0/24 lead to the datacentre's router, and is "
        "this machine in fabric.management?"
    )


def test_nothing_to_try_is_nothing_found() -> None:
    assert list(findings([])) == []


def _refused(port: int) -> str:
    try:
        socket.create_connection(("127.0.0.1", port)).close()
    except OSError as error:
        return error.strerror or ""
    raise AssertionError("somebody listens")
