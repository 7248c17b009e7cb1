"""Egress gateways that somebody broke on a twin: the verification names what they did."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from ipaddress import ip_address

import pytest

from config.families import EVERYWHERE, Family, single
from tests.causes.faults import gobgp, named, named_at_last, redeployed, with_text, without
from tests.security.standing import Standing, standing
from twin import conntrack
from twin.machine import run_nft
from twin.node import Node
from twin.router import Router
from twin.steering import table

pytestmark = [
    pytest.mark.twin,
    pytest.mark.timeout(300),
    pytest.mark.xdist_group("causes-of-egress"),  # one twin for all of them
    pytest.mark.filterwarnings("ignore:subprocess .* is still running:ResourceWarning"),
]

DATACENTRES = [{"nodes": 2}, {"nodes": 1}]
ROUTER, OTHER, GATEWAY = "dc1-router1", "dc1-controlplane1", "dc1-worker1"
POD, POD_OF_GATEWAY = f"{OTHER}-pod2", f"{GATEWAY}-pod2"
ADDRESSES = {Family.IPV4: "10.113.0.1", Family.IPV6: "fd75:6e64:6572:71::1"}
ELSEWHERE = {Family.IPV4: "192.0.2.1", Family.IPV6: "2001:db8::1"}
POLICIES = {Family.IPV4: "dc1", Family.IPV6: "dc1-ipv6"}
RANGES = {Family.IPV4: "10.113.0.0/16", Family.IPV6: "fd75:6e64:6572:71::/112"}
POLICY, ADVERTISEMENT = "CiliumEgressGatewayPolicy", "CiliumBGPAdvertisement"


@pytest.fixture(scope="module", params=list(Family))
def family(request: pytest.FixtureRequest) -> Family:
    return Family(request.param)


@pytest.fixture
def address(family: Family) -> str:
    """The egress address."""
    return ADDRESSES[family]


@pytest.fixture(scope="module")
def fabric(family: Family) -> Iterator[Standing]:
    """With destinations of the one family: without IPv4 there are no gateways at all."""
    egress = {"destinations": [str(EVERYWHERE[family])]}
    families = list(dict.fromkeys((Family.IPV4, family)))
    fabric = {"datacentres": DATACENTRES, "families": families, "egress_gateway": egress}
    with standing("egress", fabric) as found:
        yield found


def test_healthy_gateways_have_no_causes(fabric: Standing) -> None:
    assert named(fabric, sends=True) == set()


def test_a_gateway_without_its_interface_is_named(
    fabric: Standing, family: Family, address: str
) -> None:
    """Its address is announced no more, and pods that are to leave by it do not get out."""
    node = fabric.machine(GATEWAY)
    assert isinstance(node, Node)
    text = node.machine_patch
    assert address in text
    fabric.put(GATEWAY, replace(node, machine_patch=text.replace(address, ELSEWHERE[family])))
    named_at_last(
        fabric,
        f"egress interface missing: {GATEWAY} has no interface with the egress address {address}",
        sends=True,
    )


def test_an_interface_that_is_not_advertised_is_named(fabric: Standing) -> None:
    with redeployed(fabric, with_text(ADVERTISEMENT, "name: egress", "name: other"), GATEWAY):
        named_at_last(fabric, f"advertisement missing: no {ADVERTISEMENT} has the interface egress")


def test_an_address_that_a_node_does_not_announce_is_named(
    fabric: Standing, family: Family, address: str
) -> None:
    gobgp(fabric, GATEWAY, "global", "rib", "del", str(single(ip_address(address))), "-a", family)
    named_at_last(
        fabric,
        f"not advertised: {GATEWAY} has its egress address {address} and does not announce it",
    )


def test_pods_without_the_labels_that_a_policy_selects_are_named(
    fabric: Standing, family: Family
) -> None:
    with redeployed(fabric, with_text("Pod", "underlay.io/egress", "other"), OTHER, GATEWAY):
        named_at_last(
            fabric,
            *(
                f"not selected: {pod} does not have the labels that {POLICY} {POLICIES[family]} "
                "selects (underlay.io/egress=gateway)"
                for pod in (POD, POD_OF_GATEWAY)
            ),
            sends=True,
        )


def test_a_policy_that_nobody_has_deployed_is_named(fabric: Standing, address: str) -> None:
    with redeployed(fabric, without(POLICY), OTHER, GATEWAY):
        named_at_last(
            fabric, f"no egress policy: no {POLICY} has the egress address {address}", sends=True
        )


def test_a_policy_whose_gateway_is_no_node_is_named(fabric: Standing, family: Family) -> None:
    change = with_text(POLICY, "hostname: dc1-worker1", "hostname: dc1-worker9")
    with redeployed(fabric, change, OTHER, GATEWAY):
        named_at_last(
            fabric,
            f"no gateway: {POLICY} {POLICIES[family]} makes none of {GATEWAY}, which does "
            "not have the labels of its nodeSelector (kubernetes.io/hostname=dc1-worker9)",
            sends=True,
        )


@pytest.mark.parametrize(
    ("node", "pods"), [(OTHER, [POD]), (GATEWAY, [POD, POD_OF_GATEWAY])], ids=["pod's", "gateway"]
)
def test_a_node_without_the_rules_for_a_pod_is_named(
    fabric: Standing, family: Family, node: str, pods: list[str]
) -> None:
    run_nft(fabric.place(node), ["delete", "table", *table(family).split()])
    conntrack.forget(fabric.place(node).namespace)  # what was on its way would go on as before
    named_at_last(
        fabric,
        *(f"no egress rules: {node} does nothing with what {pod} sends" for pod in pods),
        sends=True,
    )


def test_a_router_that_masquerades_egress_addresses_is_named(
    fabric: Standing, family: Family, address: str
) -> None:
    router = fabric.machine(ROUTER)
    assert isinstance(router, Router)
    firewall = router.files["/etc/config/firewall"]
    spared = f"\tlist masq_src '!{RANGES[family]}'\n"
    assert spared in firewall
    files = {**router.files, "/etc/config/firewall": firewall.replace(spared, "")}
    fabric.put(ROUTER, replace(router, files=files))
    conntrack.forget(fabric.place(ROUTER).namespace)  # as before
    named_at_last(
        fabric,
        f"masqueraded: {ROUTER} gives what leaves as {address} its own address at the WAN",
        sends=True,
    )
