"""Egress gateways on a twin: as whom pods are seen outside and inside, and a lost gateway."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable
from contextlib import closing

import pytest

from tests.engine.stack import Stack
from twin import iproute, namespaces
from twin.network import observe
from verify import probes
from verify.model import Check

pytestmark = [pytest.mark.engine, pytest.mark.twin, pytest.mark.timeout(300)]

#: Longer than the hold time, on a machine that does much else.
_LIMIT_SECONDS = 60

#: What a router takes from its LAN: SSH, which no twin's router serves.
_OPEN_PORT = 22

DATACENTRES = [{"nodes": 3}, {"nodes": 1, "routers": 2}]
OF_DC1, OF_DC2, ROUTER = "10.113.0.1", "10.113.0.2", "172.31.0.10"
SELECTED = ("dc1-controlplane1-pod2", "dc1-worker1-pod2", "dc1-worker2-pod2")
OTHERS = ("dc1-controlplane1-pod1", "dc1-worker1-pod1", "dc1-worker2-pod1")


def test_selected_pods_leave_by_their_gateway_and_all_others_as_before(stack: Stack) -> None:
    stack.configure({"datacentres": DATACENTRES, "egress_gateway": {}})
    stack.up()
    assert stack.outputs()["egress_addresses"] == {"dc1": OF_DC1, "dc2": OF_DC2}
    assert stack.verify().findings == ()
    for pod in SELECTED:
        assert seen_as(stack, pod, "internet", "172.31.0.1") == OF_DC1
    for pod in OTHERS:
        assert seen_as(stack, pod, "internet", "172.31.0.1") == ROUTER

    # Inside, nobody sees an egress address: no pod, no node, no router.
    own = "10.129.22.11"
    assert seen_as(stack, "dc1-worker2-pod2", "dc2-worker1-pod1", "10.130.21.10") == own
    assert seen_as(stack, "dc1-worker2-pod2", "dc2-worker1", "10.1.2.21") == own
    assert seen_as(stack, "dc1-worker2-pod2", "dc1-router1", "10.1.1.2", port=_OPEN_PORT) == own
    assert ways(stack, "dc1-router1", OF_DC1) == {"10.1.1.21"}
    assert ways(stack, "dc2-router1", OF_DC1) == {"172.30.0.1"}

    stack.destroy()
    assert stack.remains() == []


def test_without_its_gateway_selected_pods_do_not_get_out_until_another_is_named(
    stack: Stack,
) -> None:
    datacentres = [{"nodes": 3}]
    stack.configure({"datacentres": datacentres, "egress_gateway": {}})
    stack.up()
    iproute.batch(stack.place("dc1-worker1").namespace, ["link set eth0 down"])
    until(lambda: ways(stack, "dc1-router1", OF_DC1) is None)
    found = stack.verify().findings
    lost = {str(finding) for finding in found if finding.machine == "dc1-router1"}
    assert f"dc1-router1: no route to {OF_DC1}, planned by 10.1.1.21" in lost
    elsewhere = [f for f in found if f.check is Check.WAN and f.machine != "dc1-worker1"]
    assert {f.message.partition(":")[0] for f in elsewhere} == {
        "dc1-controlplane1-pod2 cannot reach the WAN",
        "dc1-worker2-pod2 cannot reach the WAN",
    }

    gateways = {"dc1": {"node": "dc1-worker2"}}
    stack.configure({"datacentres": datacentres, "egress_gateway": {"gateways": gateways}})
    stack.up("--refresh")
    assert stack.verify().findings == ()
    assert ways(stack, "dc1-router1", OF_DC1) == {"10.1.1.22"}
    assert seen_as(stack, "dc1-controlplane1-pod2", "internet", "172.31.0.1") == OF_DC1


def test_egress_gateways_come_and_go_with_the_configuration(stack: Stack) -> None:
    stack.configure({"datacentres": [{"nodes": 2}]})
    stack.up()
    since = stack.sessions_since("dc1-router1")
    stack.configure({"datacentres": [{"nodes": 2}], "egress_gateway": {}})
    stack.up()
    assert stack.verify().findings == ()
    assert seen_as(stack, "dc1-controlplane1-pod2", "internet", "172.31.0.1") == OF_DC1
    stack.configure({"datacentres": [{"nodes": 2}]})
    stack.up()
    assert stack.verify().findings == ()
    assert ways(stack, "dc1-router1", OF_DC1) is None
    assert "egress" not in observe(stack.place("dc1-worker1").namespace).devices
    assert stack.outputs()["egress_addresses"] == {}
    assert stack.sessions_since("dc1-router1") == since


def seen_as(stack: Stack, sender: str, receiver: str, address: str, port: int = 0) -> str:
    """As whom a machine sees another that connects to it and gets its answer."""
    with namespaces.inside(stack.place(receiver).namespace):
        listener = socket.create_server((address, port))
    with closing(listener):
        listener.settimeout(_LIMIT_SECONDS)
        with namespaces.inside(stack.place(sender).namespace):
            client = socket.socket()
        with closing(client):
            client.settimeout(_LIMIT_SECONDS)
            client.connect(listener.getsockname())
            connection, (seen, _) = listener.accept()
            with closing(connection):
                connection.sendall(b"welcome")
                assert client.recv(16) == b"welcome"
    return str(seen)


def ways(stack: Stack, machine: str, destination: str) -> set[str] | None:
    """How a machine's kernel goes there; None where it knows nothing of that very address."""
    found = probes.table(stack.place(machine)).get(destination)
    return None if found is None else set(found)


def until(is_so: Callable[[], bool]) -> None:
    """Wait until it is so."""
    deadline = time.monotonic() + _LIMIT_SECONDS
    while not is_so():
        assert time.monotonic() < deadline, "it did not come to be"
        time.sleep(0.02)
