"""Who comes in by the WAN, into datacentres with two routers: answers may go another way back."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import replace

import pytest

from config.families import Address, Family, of
from config.load import load
from config.plan import Plan, make_plan
from tests.twin.fabric import Fabric
from twin import namespaces
from twin.host import Host
from twin.place import Place
from twin.twin import WAN_HOST
from verify import vips
from verify.model import Kind
from verify.twin_stack import TwinStack
from verify.waiting import wait

pytestmark = [
    pytest.mark.twin,
    pytest.mark.timeout(240),
    pytest.mark.filterwarnings("ignore:subprocess .* is still running:ResourceWarning"),
]

_CONVERGENCE_SECONDS = 60
_ANSWER_SECONDS = 10.0

#: By either of two routers each: that all of them go the same way happens once in a million times.
_CONNECTIONS = 20


@pytest.fixture
def fabric(stack: str) -> Fabric:
    return Fabric(stack)


@pytest.fixture
def plan(fabric: Fabric) -> Plan:
    """Routes of the outside lead to the first datacentre's only router; the second has two."""
    found = make_plan(
        load(
            {
                "families": ["ipv4", "ipv6"],
                "datacentres": [{"nodes": 1}, {"routers": 2, "nodes": {"workers": 1}}],
                "management": ["172.31.0.1/32", "fd75:6e64:6572:1f::1/128"],
                "load_balancing": {
                    "demo": [
                        {"datacentre": "dc2", "replicas": 1, "external_traffic_policy": "Local"}
                    ]
                },
            }
        )
    )
    fabric.build(found)
    wait(TwinStack(fabric.stack, found), _CONVERGENCE_SECONDS)
    return found


def test_every_question_to_a_vip_is_answered(fabric: Fabric, plan: Plan) -> None:
    outside = {str(gateway.ip) for gateway in plan.wan_gateways}
    for _ in range(_CONNECTIONS):
        answers = vips.ask(fabric.stack, plan, rounds=1)
        seen_as = [
            answer.client if isinstance(answer, vips.Answer) else answer
            for question, answer in answers.items()
            if question.client.kind is Kind.HOST
        ]
        assert set(seen_as) == outside
        assert len(seen_as) == len(plan.families)


@pytest.mark.parametrize("family", list(Family))
def test_every_connection_to_a_node_lasts(fabric: Fabric, plan: Plan, family: Family) -> None:
    node = plan.nodes[-1]
    address = node.lan.ip(family)
    way_in = of(family, [a.ip for a in plan.routers[0].wan.addresses])
    host = fabric.machines[WAN_HOST]
    assert isinstance(host, Host)
    routes = {**host.routes, of(family, plan.sites[1].lans): way_in}
    replace(host, routes=routes).build("me", host)
    with echoing(Place(fabric.stack, node.name), address) as port:
        for _ in range(_CONNECTIONS):
            heard = said_back(Place(fabric.stack, WAN_HOST), address, port, b"and back")
            assert heard == b"and back"


@contextmanager
def echoing(place: Place, address: Address) -> Iterator[int]:
    """A server that says what it hears, and its port."""
    with namespaces.inside(place.namespace):
        server = socket.create_server((str(address), 0), family=_of(address))

    def serve() -> None:
        while True:
            try:
                connection, _ = server.accept()
            except OSError:
                return
            with connection:
                connection.sendall(connection.recv(64))

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield server.getsockname()[1]
    finally:
        server.shutdown(socket.SHUT_RDWR)
        server.close()
        thread.join(_ANSWER_SECONDS)


def said_back(place: Place, address: Address, port: int, said: bytes) -> bytes:
    with namespaces.inside(place.namespace):
        client = socket.socket(_of(address), socket.SOCK_STREAM)
    with closing(client):
        client.settimeout(_ANSWER_SECONDS)
        client.connect((str(address), port))
        client.sendall(said)
        return client.recv(64)


def _of(address: Address) -> socket.AddressFamily:
    return socket.AF_INET6 if address.version == 6 else socket.AF_INET
