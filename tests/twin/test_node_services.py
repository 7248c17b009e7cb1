"""A node whose pods are behind services: what runs, what is said of it, and what it announces."""

import json
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from http.client import HTTPConnection
from ipaddress import IPv4Network, IPv6Network

import pytest

from config.families import Network
from config.load import load
from config.plan import Plan, make_plan
from tests.twin.test_node import described, with_values
from twin import agentd, backends, daemons, gobgp, namespaces
from twin.agent import Agent
from twin.load_balancer import TABLE
from twin.machine import run_nft
from twin.manifest import TranslationError
from twin.node import Node
from twin.place import Place
from twin.segment import Segment

pytestmark = [
    pytest.mark.twin,
    pytest.mark.filterwarnings("ignore:subprocess .* is still running:ResourceWarning"),
]

#: Long enough for a machine that does much else.
_LIMIT_SECONDS = 30


def planned(
    nodes: int = 2, replicas: int = 1, policy: str = "Cluster", families: Sequence[str] = ("ipv4",)
) -> Plan:
    services = {"demo": [{"replicas": replicas, "external_traffic_policy": policy}]}
    datacentres = [{"nodes": nodes}]
    return make_plan(
        load({"datacentres": datacentres, "families": families, "load_balancing": services})
    )


DUAL = ("ipv4", "ipv6")
VIP, POD_CIDR = IPv4Network("10.112.0.1/32"), IPv4Network("10.129.21.0/24")
VIP6, POD_CIDR6 = (
    IPv6Network("fd75:6e64:6572:70::1/128"),
    IPv6Network("fd75:6e64:6572:8115::/64"),
)


@pytest.fixture
def node(stack: str) -> Node:
    """A node with one pod behind a service, booted on a segment of its own."""
    Segment(Place(stack, "dc1-lan")).build("me")
    found = described(planned(), stack)
    found.build("me")
    return found


@pytest.fixture
def dual(stack: str) -> Node:
    """The same with addresses of both families."""
    Segment(Place(stack, "dc1-lan")).build("me")
    found = described(planned(families=DUAL), stack)
    found.build("me")
    return found


def announces(node: Node, *prefixes: Network) -> None:
    """Wait until it announces these and no others."""
    with gobgp.connect(node.api_socket) as client:
        until(lambda: set(client.prefixes()) == set(prefixes))


def until(is_so: Callable[[], bool]) -> None:
    deadline = time.monotonic() + _LIMIT_SECONDS
    while not is_so():
        assert time.monotonic() < deadline, "it did not come to be"
        time.sleep(0.01)


def pod_of(node: Node) -> Place:
    (pod,) = node.pods()
    return pod.place


def end_backend(node: Node) -> None:
    (process,) = daemons.running_in(pod_of(node).folder, backends.PROGRAM)
    daemons.stop([process])


def test_a_service_is_announced_while_its_pod_lives(node: Node) -> None:
    announces(node, POD_CIDR, VIP)
    assert node.drift() == []
    end_backend(node)
    announces(node, POD_CIDR)
    assert node.drift() == [f"the backend in {pod_of(node).machine} is not running"]
    node.build("me", node)
    announces(node, POD_CIDR, VIP)
    assert node.drift() == []


def test_a_pod_answers_with_its_name_and_whom_it_sees(node: Node) -> None:
    (pod,) = node.pods()
    until(lambda: bool(node.agent.ready()))
    with namespaces.inside(node.place.namespace):
        connection = HTTPConnection(str(pod.addresses[0]), 80, timeout=_LIMIT_SECONDS)
        connection.request("GET", "/whatever")
    answer = json.load(connection.getresponse())
    connection.close()
    assert answer == {"pod": "dc1-worker1-pod1", "datacentre": "dc1", "client": "10.129.21.1"}


def test_one_process_serves_a_pod_in_both_families_and_is_announced_in_both(dual: Node) -> None:
    announces(dual, POD_CIDR, VIP, POD_CIDR6, VIP6)
    assert dual.drift() == []
    (pod,) = dual.pods()
    assert answers(dual) == {
        "10.129.21.10": "10.129.21.1",
        "fd75:6e64:6572:8115::a": "fd75:6e64:6572:8115::1",
    }
    end_backend(dual)
    announces(dual, POD_CIDR, POD_CIDR6)
    assert dual.drift() == [f"the backend in {pod.place.machine} is not running"]


def test_a_pod_that_gets_another_family_is_served_by_a_process_of_both(node: Node) -> None:
    announces(node, POD_CIDR, VIP)
    both = described(planned(families=DUAL), node.place.stack)
    both.build("me", node)
    announces(both, POD_CIDR, VIP, POD_CIDR6, VIP6)
    assert len(answers(both)) == 2
    node.build("me", both)
    announces(node, POD_CIDR, VIP)
    assert list(answers(node)) == ["10.129.21.10"]


def answers(node: Node) -> dict[str, str]:
    """As whom the node's only pod sees the node, by each of the pod's addresses."""
    (pod,) = node.pods()
    until(lambda: bool(node.agent.ready()))
    found = {}
    for address in pod.addresses:
        connection = HTTPConnection(str(address), 80, timeout=_LIMIT_SECONDS)
        with namespaces.inside(node.place.namespace):
            connection.connect()
        connection.request("GET", "/")
        found[str(address)] = json.load(connection.getresponse())["client"]
        connection.close()
    return found


def test_a_service_without_pods_stays_announced_where_cilium_is_told_so(node: Node) -> None:
    routable = with_values(node, enableNoServiceEndpointsRoutable=True)
    routable.build("me", node)
    announces(node, POD_CIDR, VIP)
    end_backend(node)
    until(lambda: "10.129.21.10" not in run_nft(node.place, ["list", "table", *TABLE.split()]))
    announces(node, POD_CIDR, VIP)


def test_an_agent_that_was_killed_is_said_and_started_again(node: Node) -> None:
    announces(node, POD_CIDR, VIP)
    daemons.stop(daemons.running_in(node.place.folder, agentd.PROGRAM))
    assert node.drift() == ["the agent is not running"]
    node.build("me", node)
    assert node.drift() == []


def test_a_gobgp_that_was_started_anew_is_told_of_services_again(node: Node) -> None:
    announces(node, POD_CIDR, VIP)
    daemons.stop(daemons.running_in(node.place.folder, "gobgpd"))
    node.build("me", node)
    announces(node, POD_CIDR, VIP)


def test_where_there_are_no_services_any_more_nothing_of_them_is_left(node: Node) -> None:
    without = described(make_plan(load({"datacentres": [{"nodes": 2}]})), node.place.stack)
    announces(node, POD_CIDR, VIP)
    without.build("me", node)
    assert daemons.running_in(node.place.folder, agentd.PROGRAM) == []
    assert daemons.running_in(pod_of(node).folder) == []
    assert TABLE.split()[1] not in run_nft(node.place, ["list", "tables"])
    announces(node, POD_CIDR)
    assert without.drift() == []


def test_a_pod_that_serves_another_service_is_another_process(node: Node) -> None:
    before = daemons.running_in(pod_of(node).folder)
    moved = tuple(text.replace("port: 80", "port: 81") for text in node.manifests)
    other = replace(node, manifests=moved)
    other.build("me", node)
    until(lambda: other.drift() == [])
    assert daemons.running_in(pod_of(node).folder) != before


def test_with_local_only_pods_of_the_node_itself_serve_what_comes_from_outside() -> None:
    agent = described(planned(nodes=3, replicas=2, policy="Local"), "s").agent
    rules = agent.rules(frozenset(endpoint.pod for endpoint in agent.endpoints))
    inside, outside = rules.split("chain outside")
    assert "mod 2" in inside
    assert "mod 1 map { 0 : 10.129.21.10 }" in outside.partition("chain prerouting")[0]


def test_each_family_is_translated_to_its_own_addresses_of_pods() -> None:
    agent = described(planned(nodes=3, replicas=2, policy="Local", families=DUAL), "s").agent
    rules = agent.rules(frozenset(endpoint.pod for endpoint in agent.endpoints))
    inside, outside = rules.split("chain outside")
    first, second = "fd75:6e64:6572:8115::a", "fd75:6e64:6572:8116::a"
    dnat = "ip6 daddr fd75:6e64:6572:70::1 tcp dport 80 dnat ip6 to numgen random"
    assert f"{dnat} mod 2 map {{ 0 : {first}, 1 : {second} }} : 80" in inside
    assert f"{dnat} mod 1 map {{ 0 : {first} }} : 80" in outside
    assert "ip daddr 10.112.0.1 tcp dport 80 dnat ip to" in inside
    assert "ip6 daddr { fd75:6e64:6572:70::1 } reject" in outside


def test_what_an_agent_knows_can_be_handed_on() -> None:
    agent = described(planned(), "s").agent
    assert Agent.from_text(agent.as_text()) == agent


def test_another_mode_of_load_balancing_is_refused() -> None:
    node = with_values(described(planned(), "s"), loadBalancer={"mode": "dsr"})
    with pytest.raises(TranslationError, match=r"loadBalancer.mode dsr is not in the twin: use sn"):
        node.agent.rules(frozenset())
