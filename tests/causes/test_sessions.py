"""Sessions that somebody broke on a twin: the verification names what they did.

Between the two routers, whose sessions are back two seconds after, unless it is about a node.
"""

from __future__ import annotations

import re
from contextlib import AbstractContextManager, ExitStack
from dataclasses import replace

import pytest

from render.yaml_text import yaml_text
from tests.causes.faults import edited, ip, named, named_at_last, redeployed, rules
from tests.security.standing import Standing, eventually
from twin import daemons, manifest
from twin.manifest import Manifest
from twin.node import Node
from verify.causes.flapping import LOSSES
from verify.causes.notes import flaps
from verify.causes.twin_witness import TwinWitness
from verify.twin_stack import TwinStack

pytestmark = [
    pytest.mark.twin,
    pytest.mark.timeout(300),
    pytest.mark.xdist_group("causes"),  # one twin for all of them
    pytest.mark.filterwarnings("ignore:subprocess .* is still running:ResourceWarning"),
]

HERE, THERE, NODE = "dc1-router1", "dc2-router1", "dc1-worker1"
SESSION = "router_dc2_router1"
BIRD, PASSWORDS = "/etc/bird.conf", "/etc/bird-passwords.conf"


def lost(fabric: Standing, session: str = SESSION) -> None:
    """End a session at once instead of waiting until it has heard nothing for long enough."""
    fabric.birdc(HERE, f"restart {session}")


def test_a_healthy_twin_names_nothing(fabric: Standing) -> None:
    report = TwinStack(fabric.stack, fabric.plan).report()
    assert (report.findings, report.notes) == ((), ())


@pytest.mark.parametrize("verdict", ["drop", "reject with tcp reset"])
def test_a_firewall_between_routers_is_named(fabric: Standing, verdict: str) -> None:
    """One that resets connections too; so would a machine where nothing listens, but BIRD does."""
    peer = "ip saddr 172.30.0.3"
    with rules(fabric, HERE, f"{peer} tcp dport 179 {verdict}", f"{peer} tcp sport 179 drop"):
        lost(fabric)
        named_at_last(
            fabric,
            "firewall: TCP to port 179 of dc1-router1 is stopped on its way from dc2-router1",
            "firewall: TCP to port 179 of dc2-router1 is stopped on its way from dc1-router1",
        )


def test_a_nodes_own_firewall_is_named(fabric: Standing) -> None:
    """Where it lets in another address. As long as either end can dial, the session comes up."""
    node = fabric.machine(NODE)
    assert isinstance(node, Node)
    mistaken = node.machine_patch.replace("10.1.1.2/32", "10.1.1.3/32")
    fabric.put(NODE, replace(node, machine_patch=mistaken))
    with rules(fabric, HERE, "ip saddr 10.1.1.21 tcp dport 179 drop"):
        lost(fabric, "node_dc1_worker1")
        named_at_last(
            fabric,
            "firewall: TCP to port 179 of dc1-router1 is stopped on its way from dc1-worker1",
            "firewall: TCP to port 1179 of dc1-worker1 is stopped on its way from dc1-router1",
        )


def test_an_address_that_is_no_neighbors_is_named(fabric: Standing) -> None:
    with edited(fabric, HERE, BIRD, "neighbor 172.30.0.3 ", "neighbor 172.30.0.99 "):
        named_at_last(
            fabric,
            "address mismatch: dc1-router1 is set up for no neighbor at 172.30.0.3, which is "
            "dc2-router1's address, only for 10.1.1.11, 10.1.1.21, 172.30.0.99",
        )


def test_a_machine_without_its_address_is_named(fabric: Standing) -> None:
    address = "172.30.0.1/22 dev eth2"
    with ip(fabric, HERE, f"address del {address}", f"address add {address}"):
        lost(fabric)
        named_at_last(
            fabric,
            "address mismatch: dc1-router1 does not have its address 172.30.0.1, to which "
            "dc2-router1 speaks",
        )


def test_an_as_that_a_router_does_not_expect_is_named(fabric: Standing) -> None:
    with edited(fabric, HERE, BIRD, "neighbor 172.30.0.3 as OWNAS", "neighbor 172.30.0.3 as 65009"):
        named_at_last(
            fabric, "ASN mismatch: dc1-router1 expects AS 65009 of dc2-router1, whose AS is 65000"
        )


def test_an_as_that_a_node_does_not_expect_is_named(fabric: Standing) -> None:
    def other_asn(document: Manifest) -> Manifest:
        text = yaml_text(dict(document))
        return manifest.document(text.replace("peerASN: 65000", "peerASN: 65009"))

    with redeployed(fabric, other_asn, NODE):
        named_at_last(
            fabric, "ASN mismatch: dc1-worker1 expects AS 65009 of dc1-router1, whose AS is 65000"
        )


def test_another_password_is_named(fabric: Standing) -> None:
    with edited(fabric, HERE, PASSWORDS, '"hush-_peering"', '"another"'):
        named_at_last(
            fabric,
            "password: dc1-router1 and dc2-router1 do not sign with the same password (TCP MD5)",
        )


def test_a_link_that_is_down_is_named(fabric: Standing) -> None:
    with ip(fabric, HERE, "link set eth2 down", "link set eth2 up"):
        named_at_last(
            fabric,
            "reachability: eth2 of dc1-router1 is down, by which it speaks with dc2-router1 "
            "(172.30.0.3)",
        )


def test_a_way_that_nothing_comes_through_is_named(fabric: Standing) -> None:
    with rules(fabric, HERE, "ip saddr 172.30.0.3 drop"):
        lost(fabric)
        named_at_last(
            fabric,
            "reachability: dc1-router1 cannot be pinged from dc2-router1, though their cards are "
            "up",
            "reachability: dc2-router1 cannot be pinged from dc1-router1, though their cards are "
            "up",
        )


def test_a_daemon_that_is_gone_is_named(fabric: Standing) -> None:
    daemons.stop(daemons.running_in(fabric.place(THERE).folder, "bird"))
    said = "dc2-router1 has no BGP daemon that answers"
    eventually("it is named", lambda: said in named(fabric))


def test_a_session_that_somebody_disabled_is_named(fabric: Standing) -> None:
    fabric.birdc(HERE, f"disable {SESSION}")
    named_at_last(fabric, "dc1-router1 has its session with dc2-router1 (172.30.0.3) disabled")
    fabric.birdc(HERE, f"enable {SESSION}")


def test_two_faults_at_once_are_both_named(fabric: Standing) -> None:
    """On the same session."""
    asn = ("neighbor 172.30.0.3 as OWNAS", "neighbor 172.30.0.3 as 65009")
    faults: list[AbstractContextManager[None]] = [
        edited(fabric, HERE, BIRD, *asn),
        edited(fabric, HERE, PASSWORDS, '"hush-_peering"', '"another"'),
    ]
    with ExitStack() as stack:
        for fault in faults:
            stack.enter_context(fault)
        named_at_last(
            fabric,
            "ASN mismatch: dc1-router1 expects AS 65009 of dc2-router1, whose AS is 65000",
            "password: dc1-router1 and dc2-router1 do not sign with the same password (TCP MD5)",
        )


def test_a_session_that_is_reset_again_and_again_is_named(fabric: Standing) -> None:
    for _ in range(LOSSES):
        fabric.converge()
        lost(fabric)
    fabric.converge()
    witness = TwinWitness(fabric.stack, fabric.plan)
    found = [
        finding
        for finding in flaps(fabric.plan, witness)
        if (finding.machine, finding.about) == (HERE, "172.30.0.3")
    ]
    (cause,) = found[0].causes
    assert str(found[0]) == f"{HERE}: the session with {THERE} (172.30.0.3) is not stable"
    assert re.match(r"flapping: the session was lost \d+ times within 10 minutes", cause.cause)
