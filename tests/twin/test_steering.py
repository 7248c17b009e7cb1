"""What a node's kernel is told of egress gateways, and that it stays so."""

from dataclasses import replace
from ipaddress import IPv4Address, IPv4Network

import pytest

from config.load import load
from config.plan import make_plan
from tests.twin.test_node import described
from twin import iproute, steering
from twin.egress import Entry, Pod
from twin.machine import run_nft
from twin.manifest import TranslationError
from twin.network import observe
from twin.node import Node
from twin.place import Place
from twin.segment import Segment
from twin.steering import TABLE, Steering

runs = pytest.mark.filterwarnings("ignore:subprocess .* is still running:ResourceWarning")

EGRESS = IPv4Address("10.113.0.1")
HERE, THERE = IPv4Address("10.1.1.21"), IPv4Address("10.1.1.22")
OWN = Pod({}, "here", IPv4Address("10.129.21.11"))
OTHERS = Pod({}, "there", IPv4Address("10.129.22.11"))


def entry(pod: Pod, gateway: IPv4Address | None, to: str = "0.0.0.0/0") -> Entry:
    return Entry(pod, IPv4Network(to), to != "0.0.0.0/0", gateway, EGRESS)


def node_with(*entries: Entry, held: frozenset[IPv4Address] = frozenset({EGRESS})) -> Steering:
    return Steering(
        "here", frozenset({HERE}), frozenset(held), (IPv4Network("10.1.1.0/24"),), entries
    )


def rules(node: Steering) -> list[str]:
    """The rules about pods."""
    return [line for line in node.rules().splitlines() if line.startswith("ip saddr")]


def test_a_pods_node_marks_what_another_node_is_the_gateway_for() -> None:
    assert rules(node_with(entry(OWN, THERE, "10.0.0.0/8"), entry(OWN, THERE))) == [
        "ip saddr 10.129.21.11 ip daddr 10.0.0.0/8 accept",
        "ip saddr 10.129.21.11 ip daddr 0.0.0.0/0 meta mark set 100 accept",
    ]


def test_a_gateway_gives_everybodys_packets_the_address() -> None:
    assert rules(node_with(entry(OWN, HERE), entry(OTHERS, HERE))) == [
        "ip saddr 10.129.21.11 ip daddr 0.0.0.0/0 accept",
        "ip saddr 10.129.22.11 ip daddr 0.0.0.0/0 accept",
        "ip saddr 10.129.21.11 ip daddr 0.0.0.0/0 snat to 10.113.0.1",
        "ip saddr 10.129.22.11 ip daddr 0.0.0.0/0 snat to 10.113.0.1",
    ]


@pytest.mark.parametrize(
    "node",
    [
        pytest.param(node_with(entry(OWN, None)), id="no gateway"),
        pytest.param(node_with(entry(OWN, HERE), held=frozenset()), id="no address"),
    ],
)
def test_nothing_leaves_where_nobody_is_the_gateway_or_it_lacks_the_address(node: Steering) -> None:
    assert rules(node)[0] == "ip saddr 10.129.21.11 ip daddr 0.0.0.0/0 drop"


def test_what_does_not_concern_a_node_is_no_rule_there() -> None:
    assert rules(node_with(entry(OTHERS, THERE))) == []


def test_a_gateway_on_another_lan_is_refused() -> None:
    far = node_with(entry(OWN, IPv4Address("10.1.2.21")))
    with pytest.raises(TranslationError, match=r"10\.1\.2\.21 is not in 10\.1\.1\.0/24, .* no tun"):
        far.rules()


def test_connections_begin_anew_only_where_a_rule_is_taken_back() -> None:
    before = node_with(entry(OWN, HERE))
    assert not node_with(entry(OWN, HERE), entry(OTHERS, HERE)).takes_back(before)
    assert node_with(entry(OWN, THERE)).takes_back(before)


def planned(gateway: str = "dc1-worker2", **fabric: object) -> Node:
    named = {"gateways": {"dc1": {"node": gateway}}}
    settings = {"datacentres": [{"nodes": 3}], "egress_gateway": named, **fabric}
    return described(make_plan(load(settings)), "s", pods=2)


def booted(node: Node, stack: str) -> Node:
    found = replace(node, place=Place(stack, node.place.machine))
    lan = Place(stack, "dc1-lan").namespace
    return replace(found, nics=tuple(replace(nic, segment=lan) for nic in found.nics))


@pytest.fixture
def node(stack: str) -> Node:
    """A node, booted, whose pods leave by another."""
    Segment(Place(stack, "dc1-lan")).build("me")
    found = booted(planned(), stack)
    found.build("me")
    return found


def ruled(node: Node) -> list[tuple[object, object]]:
    """The marks that lead elsewhere, and the tables that they lead to."""
    (found,) = iproute.query(node.place.namespace, ["rule show"])
    return [(rule["fwmark"], rule["table"]) for rule in found if "fwmark" in rule]


@pytest.mark.twin
@runs
def test_a_node_whose_pods_leave_by_another_is_as_its_artifacts_say(node: Node) -> None:
    assert node.drift() == []
    assert ruled(node) == [("0x64", "100")]
    (routes,) = iproute.query(node.place.namespace, ["route show table 100"])
    assert [(route["dst"], route["gateway"]) for route in routes] == [("default", "10.1.1.22")]
    before = run_nft(node.place, ["list", "ruleset"])
    node.build("me", node)
    assert run_nft(node.place, ["list", "ruleset"]) == before
    assert node.drift() == []


@pytest.mark.twin
@runs
@pytest.mark.parametrize(
    ("by_hand", "said"),
    [
        ("rule del fwmark 100", "needs: rule add fwmark 100 table 100"),
        (
            "route replace default via 10.1.1.11 table 100",
            "needs: route replace default via 10.1.1.22 table 100",
        ),
        ("route flush table 100", "needs: route replace default via 10.1.1.22 table 100"),
    ],
)
def test_what_was_changed_by_hand_is_said_and_mended(node: Node, by_hand: str, said: str) -> None:
    iproute.batch(node.place.namespace, [by_hand])
    assert said in node.drift()
    node.build("me", node)
    assert node.drift() == []


@pytest.mark.twin
@runs
def test_rules_that_were_removed_are_missed_and_made_again(node: Node) -> None:
    run_nft(node.place, ["delete", "table", *TABLE.split()])
    assert "the rules of egress gateways changed" in node.drift()
    node.build("me", node)
    assert node.drift() == []


@pytest.mark.twin
@runs
def test_a_node_becomes_the_gateway_and_ceases_to_be_one(node: Node) -> None:
    gateway = booted(planned("dc1-worker1"), node.place.stack)
    gateway.build("me", node)
    assert gateway.drift() == []
    assert ruled(gateway) == []
    held = {str(a.interface) for a in observe(node.place.namespace).network.addresses}
    assert f"{EGRESS}/32" in held
    speaker = gateway.agent.speaker(frozenset())
    assert speaker
    assert IPv4Network(EGRESS) in speaker.prefixes

    without = booted(planned(egress_gateway=None), node.place.stack)
    without.build("me", gateway)
    assert without.drift() == []
    assert "egress" not in observe(node.place.namespace).devices
    assert TABLE not in run_nft(node.place, ["list", "tables"])


@pytest.mark.twin
def test_without_egress_gateways_nothing_is_asked_or_changed(place: Place) -> None:
    steering.apply(place, node_with(), None, is_new=True)
    assert run_nft(place, ["list", "tables"]) == ""
    assert steering.drift(place, node_with()) == []
