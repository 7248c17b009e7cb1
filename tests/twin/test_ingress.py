"""Talos' ingress firewall on a node: its rules, whom the kernel lets in by them, and drift."""

import socket
from ipaddress import ip_interface, ip_network

import pytest

from config.load import load
from config.plan import make_plan
from render.artifacts import render
from tests.security.standing import eventually
from twin import ingress, namespaces, talos
from twin.host import Host
from twin.machine import Nic, run_nft
from twin.manifest import TranslationError
from twin.place import Place
from twin.segment import Segment
from twin.talos import IngressRule
from verify.strangers import dropped

SETTINGS = {"datacentres": 1, "families": ["ipv4", "ipv6"]}
PATCH = render(make_plan(load(SETTINGS))).nodes["dc1-worker1"].machine_patch
PORT = 1179

HOSTS = {
    name: (ip_interface(f"10.1.1.{host}/24"), ip_interface(f"fd75:6e64:6572:101::{host:x}/64"))
    for name, host in {"router": 2, "node": 21, "stranger": 66}.items()
}


def rules(patch: str = PATCH) -> tuple[IngressRule, ...]:
    return talos.machine(patch).ingress


def with_document(text: str) -> str:
    return f"{PATCH}---\napiVersion: v1alpha1\n{text}"


def drops(*found: IngressRule) -> list[str]:
    return [line.strip() for line in ingress.ruleset(found).splitlines() if "drop" in line]


def test_the_rendered_document_drops_all_but_the_routers_in_each_family() -> None:
    assert drops(*rules()) == [
        "meta nfproto ipv4 ip saddr != { 10.1.1.2/32 } tcp dport { 1179 } counter drop",
        "meta nfproto ipv6 ip6 saddr != { fd75:6e64:6572:101::2/128 } tcp dport { 1179 } "
        "counter drop",
    ]


def test_a_family_of_which_no_subnet_is_named_is_dropped_as_a_whole() -> None:
    rule = IngressRule("udp", ("53", "8000-8080"), (ip_network("10.1.1.2/32"),))
    assert drops(rule)[1] == "meta nfproto ipv6 udp dport { 53, 8000-8080 } counter drop"


def test_without_rules_there_is_no_table() -> None:
    assert ingress.ruleset(()) == "table inet talos\ndelete table inet talos\n"


@pytest.mark.parametrize(
    ("document", "said"),
    [
        ("kind: NetworkDefaultActionConfig\ningress: block", "ingress: accept is not in the twin"),
        (
            "kind: NetworkRuleConfig\nname: x\nportSelector: {ports: [1], protocol: tcp}\n"
            "ingress: [{subnet: 10.0.0.0/8, except: 10.1.0.0/16}]",
            "except is not in the twin: list the subnets",
        ),
    ],
)
def test_what_the_twin_cannot_do_is_refused(document: str, said: str) -> None:
    with pytest.raises(TranslationError, match=said):
        rules(with_document(document))


def test_the_default_action_may_be_written_out() -> None:
    written = with_document("kind: NetworkDefaultActionConfig\ningress: accept")
    assert rules(written) == rules()


@pytest.fixture
def node(stack: str) -> Place:
    """A node that has booted its firewall, on a LAN with a router and a stranger."""
    lan = Place(stack, "lan")
    Segment(lan).build("me")
    for number, (name, addresses) in enumerate(HOSTS.items()):
        nic = Nic(lan.namespace, f"02:00:00:00:00:0{number}", {})
        Host(Place(stack, name), (nic,), addresses).build("me")
    place = Place(stack, "node")
    ingress.apply(place, rules(), is_new=True)
    return place


def counted(node: Place) -> int:
    """How many packets were dropped."""
    return dropped(run_nft(node, ["--json", "list", "table", *ingress.TABLE.split()]))


def dialled(node: Place, source: str, family: int, port: int) -> socket.socket:
    """A connection that somebody begins to the node. It waits for no answer."""
    address = HOSTS["node"][family].ip
    with namespaces.inside(Place(node.stack, source).namespace):
        connection = socket.socket((socket.AF_INET, socket.AF_INET6)[family])
    connection.setblocking(False)
    connection.connect_ex((str(address), port))
    return connection


def is_there(connection: socket.socket) -> bool:
    """Whether the connection is established."""
    try:
        connection.getpeername()
    except OSError:
        return False
    return True


families = pytest.mark.parametrize("family", [0, 1], ids=["ipv4", "ipv6"])


@pytest.mark.twin
@families
def test_bgp_of_a_router_comes_in_and_that_of_a_stranger_is_dropped(
    node: Place, family: int
) -> None:
    with namespaces.inside(node.namespace):
        listener = socket.create_server(("::", PORT), family=socket.AF_INET6, dualstack_ipv6=True)
    with listener, dialled(node, "router", family, PORT) as of_router:
        eventually("the router is let in", lambda: is_there(of_router))
        assert counted(node) == 0
        with dialled(node, "stranger", family, PORT) as of_stranger:
            eventually("the stranger is dropped", lambda: counted(node))
            assert not is_there(of_stranger)


@pytest.mark.twin
@families
def test_other_ports_are_open_to_everybody(node: Place, family: int) -> None:
    with namespaces.inside(node.namespace):
        listener = socket.create_server(("::", 0), family=socket.AF_INET6, dualstack_ipv6=True)
    with listener, dialled(node, "stranger", family, listener.getsockname()[1]) as connection:
        eventually("it is let in", lambda: is_there(connection))
        assert counted(node) == 0


BY_HAND = {
    "a rule": ["flush", "chain", *ingress.TABLE.split(), ingress.CHAIN],
    "the table": ["delete", "table", *ingress.TABLE.split()],
}


@pytest.mark.twin
@pytest.mark.parametrize("command", BY_HAND.values(), ids=BY_HAND.keys())
def test_what_was_taken_away_by_hand_is_said_and_put_back(node: Place, command: list[str]) -> None:
    assert ingress.drift(node, rules()) == []
    run_nft(node, command)
    assert ingress.drift(node, rules()) == ["Talos' firewall changed"]
    ingress.apply(node, rules(), is_new=False)
    assert ingress.drift(node, rules()) == []


@pytest.mark.twin
def test_rules_that_stay_as_they_are_go_on_counting(node: Place) -> None:
    with dialled(node, "stranger", 0, PORT):
        eventually("something is dropped", lambda: counted(node))
    ingress.apply(node, rules(), is_new=False)
    assert counted(node)


@pytest.mark.twin
def test_rules_are_changed_in_place_and_go_with_their_document(node: Place) -> None:
    another = rules(PATCH.replace("10.1.1.2/32", "10.1.1.3/32"))
    assert ingress.drift(node, another) == ["Talos' firewall changed"]
    ingress.apply(node, another, is_new=False)
    assert ingress.drift(node, another) == []
    with dialled(node, "router", 0, PORT):
        eventually("it is dropped", lambda: counted(node))
    ingress.apply(node, (), is_new=False)
    assert ingress.drift(node, ()) == []
    assert ingress.TABLE not in run_nft(node, ["list", "tables"])
