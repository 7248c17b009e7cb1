"""What a node's kernel is told of egress gateways, and that it stays so."""

from dataclasses import replace
from ipaddress import IPv4Address, IPv4Network, ip_address, ip_network

import pytest

from config.families import Address, Family
from config.load import load
from config.plan import make_plan
from tests.twin.test_node import described
from twin import iproute, steering
from twin.egress import Entry
from twin.machine import run_nft
from twin.manifest import TranslationError
from twin.network import observe
from twin.node import Node
from twin.place import Place
from twin.segment import Segment
from twin.steering import Steering

runs = pytest.mark.filterwarnings("ignore:subprocess .* is still running:ResourceWarning")

EGRESS = IPv4Address("10.113.0.1")
HERE, THERE = IPv4Address("10.1.1.21"), IPv4Address("10.1.1.22")
OWN, OTHERS = IPv4Address("10.129.21.11"), IPv4Address("10.129.22.11")
TABLE = "ip egress"


def entry(source: IPv4Address, gateway: IPv4Address | None, to: str = "0.0.0.0/0") -> Entry:
    node = "here" if source == OWN else "there"
    return Entry(node, source, IPv4Network(to), to != "0.0.0.0/0", gateway, EGRESS)


def node_with(*entries: Entry, held: frozenset[Address] = frozenset({EGRESS})) -> Steering:
    return Steering(
        Family.IPV4, "here", frozenset({HERE}), held, (IPv4Network("10.1.1.0/24"),), entries
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


def test_in_ipv6_the_rules_are_the_same_in_a_table_of_its_own() -> None:
    here, there, own, others, egress = map(
        ip_address, ("fd00:1::15", "fd00:1::16", "fd00:8::b", "fd00:9::b", "fd00:71::1")
    )
    node = Steering(
        family=Family.IPV6,
        name="here",
        addresses=frozenset({HERE, here}),
        held=frozenset({EGRESS, egress}),
        lans=(IPv4Network("10.1.1.0/24"), ip_network("fd00:1::/64")),
        entries=(
            Entry("here", own, ip_network("fd00::/16"), True, there, egress),
            Entry("here", own, ip_network("::/0"), False, there, egress),
            Entry("there", others, ip_network("::/0"), False, here, egress),
        ),
    )
    assert node.table == "ip6 egress"
    assert [line for line in node.rules().splitlines() if line.startswith("ip6 saddr")] == [
        "ip6 saddr fd00:8::b ip6 daddr fd00::/16 accept",
        "ip6 saddr fd00:8::b ip6 daddr ::/0 meta mark set 100 accept",
        "ip6 saddr fd00:9::b ip6 daddr ::/0 accept",
        "ip6 saddr fd00:9::b ip6 daddr ::/0 snat to fd00:71::1",
    ]


def test_a_gateway_on_another_lan_is_refused() -> None:
    far = node_with(entry(OWN, IPv4Address("10.1.2.21")))
    with pytest.raises(TranslationError, match=r"10\.1\.2\.21 is not in 10\.1\.1\.0/24, .* no tun"):
        far.rules()


def test_connections_begin_anew_where_one_that_came_by_here_may_move() -> None:
    before = node_with(entry(OWN, HERE))
    assert not node_with(entry(OWN, HERE), entry(OTHERS, HERE)).moves(before)
    assert node_with(entry(OWN, THERE)).moves(before)
    assert node_with(entry(OWN, HERE)).moves(node_with()), "selected only now"


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


def ruled(node: Node, family: Family = Family.IPV4) -> list[tuple[object, object]]:
    """The marks that lead elsewhere, and the tables that they lead to."""
    (found,) = iproute.query(node.place.namespace, ["rule show"], family)
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
    assert "the rules of egress gateways in IPv4 changed" in node.drift()
    node.build("me", node)
    assert node.drift() == []


@pytest.mark.twin
@runs
def test_in_both_families_a_node_is_as_its_artifacts_say_and_is_mended(stack: str) -> None:
    Segment(Place(stack, "dc1-lan")).build("me")
    node = booted(planned(families=["ipv4", "ipv6"]), stack)
    node.build("me")
    assert node.drift() == []
    assert ruled(node) == [("0x64", "100")]
    assert ruled(node, Family.IPV6) == [("0x64", "100")]
    gateway = "fd75:6e64:6572:101::16"
    iproute.batch(node.place.namespace, ["route flush table 100"], Family.IPV6)
    run_nft(node.place, ["delete", "table", "ip6", "egress"])
    assert set(node.drift()) == {
        f"needs: route replace default via {gateway} table 100",
        "the rules of egress gateways in IPv6 changed",
    }
    node.build("me", node)
    assert node.drift() == []
    without = booted(planned(families=["ipv4", "ipv6"], egress_gateway=None), stack)
    without.build("me", node)
    assert without.drift() == []
    assert ruled(node, Family.IPV6) == []


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
