"""Services of twins in IPv6, beside IPv4 and alone: who announces them, who answers, and whom."""

from __future__ import annotations

import pytest

from config.families import Address, Family, family_of, of
from config.load import load
from config.machines import Router
from config.plan import Plan, make_plan
from config.services import Service
from tests.security.standing import eventually
from tests.twin.fabric import Fabric
from twin import daemons
from twin.load_balancer import LOOPBACK
from twin.place import Place
from twin.twin import WAN_HOST
from verify import probes, vips
from verify.model import Check, Kind
from verify.report import Report
from verify.twin_stack import TwinStack
from verify.waiting import wait

pytestmark = [
    pytest.mark.twin,
    pytest.mark.timeout(240),
    pytest.mark.filterwarnings("ignore:subprocess .* is still running:ResourceWarning"),
]

_LIMIT_SECONDS = 60

DUAL, ONLY = ["ipv4", "ipv6"], ["ipv6"]

LOCAL = {"external_traffic_policy": "Local"}

#: Where the WAN's host is, in either family.
OUTSIDE = {"ipv4": "172.31.0.1/32", "ipv6": "fd75:6e64:6572:1f::1/128"}


def planned(families: list[str], *demo: dict[str, object], **services: object) -> Plan:
    return make_plan(
        load(
            {
                "families": families,
                "datacentres": [{"nodes": 3}, {"nodes": 1}],
                "management": [OUTSIDE[family] for family in families],
                "load_balancing": {**services, "demo": list(demo)},
            }
        )
    )


def in_families(families: list[str]) -> Plan:
    """One service with pods in both datacentres, and one of a single pod that keeps clients."""
    return planned(
        families,
        {"name": "web"},
        {"name": "local", "datacentre": "dc1", "replicas": 1, **LOCAL},
        announce=["LoadBalancerIP", "ExternalIP", "ClusterIP"],
    )


@pytest.fixture
def fabric(stack: str) -> Fabric:
    return Fabric(stack)


def verified(fabric: Fabric, plan: Plan) -> Report:
    return TwinStack(fabric.stack, plan).report()


def brought_up(fabric: Fabric, plan: Plan) -> list[str]:
    """Build the plan, wait for it, and say what is not as it should be."""
    fabric.build(plan)
    wait(TwinStack(fabric.stack, plan), _LIMIT_SECONDS)
    return [str(finding) for finding in verified(fabric, plan).findings]


@pytest.mark.parametrize("families", [DUAL, ["ipv6", "ipv4"], ONLY])
def test_services_answer_in_each_family_go_with_their_pods_and_come_back(
    fabric: Fabric, families: list[str]
) -> None:
    plan = in_families(families)
    web, local = plan.load_balancing.demo
    assert brought_up(fabric, plan) == []
    everyone = {*(router.name for router in plan.routers), *(node.name for node in plan.nodes)}
    everyone.add(WAN_HOST)
    assert who_asks(plan) == {(name, family) for name in everyone for family in plan.families}
    for vip in local.vips:
        (pod,) = local.backends
        assert ways(fabric, "dc1-router1", vip) == {lan_of(plan, pod.node, vip)}
        assert ways(fabric, "dc2-router1", vip) == {peering_of(plan.routers[0], vip)}
    for vip in web.vips:
        nodes = [node.name for node in plan.sites[0].nodes]
        assert ways(fabric, "dc1-router1", vip) == {lan_of(plan, node, vip) for node in nodes}

    end_backends(fabric, local)
    withdrawn(fabric, plan, local)
    said = [str(finding) for finding in verified(fabric, plan).findings]
    for vip in local.vips:
        by = peering_of(plan.routers[0], vip)
        assert f"dc2-router1: no route to {vip}, planned by {by}" in said
        assert any(f"internet gets no answer from local at {vip}" in line for line in said)
    assert not any(" web at " in line for line in said), "the other service goes on"
    end_backends(fabric, web)
    withdrawn(fabric, plan, web)

    assert brought_up(fabric, plan) == []


@pytest.mark.parametrize("families", [DUAL, ONLY])
def test_local_keeps_the_clients_address_and_cluster_hides_it_behind_the_node(
    fabric: Fabric, families: list[str]
) -> None:
    plan = planned(
        families,
        {"name": "web", "datacentre": "dc2", "replicas": 1},
        {"name": "local", "datacentre": "dc1", "replicas": 1, **LOCAL},
    )
    assert brought_up(fabric, plan) == []
    seen: dict[tuple[str, Kind, Family], set[str]] = {}
    for _ in range(5):  # an answer goes by any of the nodes
        for question, answer in vips.ask(fabric.stack, plan).items():
            assert isinstance(answer, vips.Answer)
            client = question.client
            if client.machine in ("dc1-router1", WAN_HOST):
                key = (question.service, client.kind, family_of(client.address))
                seen.setdefault(key, set()).add(answer.client)
    for position, family in enumerate(plan.families):
        router = plan.routers[0].lan.ip(family)
        outside = plan.wan_gateways[position].ip
        of_nodes = {str(node.lan.ip(family)) for node in plan.nodes}
        assert seen["local", Kind.ROUTER, family] == {str(router)}
        assert seen["local", Kind.HOST, family] == {str(outside)}
        assert seen["web", Kind.ROUTER, family] <= of_nodes, "by a node without a pod of it"
        assert seen["web", Kind.HOST, family] <= of_nodes


@pytest.mark.parametrize("families", [["ipv4"], ONLY])
def test_who_comes_in_by_the_wan_reaches_pods_of_a_datacentre_with_another_router(
    fabric: Fabric, families: list[str]
) -> None:
    """There by one router, as the only route to VIPs leads, and back by the other's own WAN."""
    plan = planned(families, {"datacentre": "dc2", "replicas": 1, **LOCAL})
    assert brought_up(fabric, plan) == []
    asked = {question.client.name for question in vips.questions(plan)}
    assert WAN_HOST in asked


@pytest.mark.parametrize("families", [DUAL, ONLY])
def test_a_pod_that_asks_its_own_service_sees_the_loopback_of_each_family(
    fabric: Fabric, families: list[str]
) -> None:
    plan = planned(families, {"name": "web", "datacentre": "dc2", "replicas": 1})
    assert brought_up(fabric, plan) == []
    (backend,) = plan.load_balancing.demo[0].backends
    answers = vips.ask(fabric.stack, plan)
    by_itself = {
        family_of(question.address): answer
        for question, answer in answers.items()
        if question.client.name == backend.pod
    }
    assert by_itself == {
        family: vips.Answer(backend.pod, str(LOOPBACK[family])) for family in plan.families
    }


def test_one_family_is_aggregated_and_the_other_is_not(fabric: Fabric) -> None:
    plan = planned(
        DUAL,
        {"name": "web"},
        {"name": "api", "datacentre": "dc1", "ipv6_address": "fd75:6e64:6572:70::77"},
        ipv6={"aggregation_length": 120},
    )
    assert brought_up(fabric, plan) == []
    table = probes.table(Place(fabric.stack, "dc2-router1"))
    assert "fd75:6e64:6572:70::/120" in table
    assert not any(prefix.startswith("fd75:6e64:6572:70::7") for prefix in table)
    assert {"10.112.0.1", "10.112.0.2"} <= table.keys(), "IPv4 is not aggregated"


def who_asks(plan: Plan) -> set[tuple[str, Family]]:
    """The machines that ask, in which families; pods ask as their nodes."""
    questions = vips.questions(plan)
    counted = vips.counts(plan)
    assert sum(counts[Check.VIPS] for counts in counted.values()) == len(questions)
    return {(q.client.machine, family_of(q.address)) for q in questions}


def end_backends(fabric: Fabric, service: Service) -> None:
    """End what runs in the pods of a service, and nothing else."""
    for backend in service.backends:
        daemons.stop(daemons.running_in(Place(fabric.stack, backend.pod).folder, "twin.httpd"))


def withdrawn(fabric: Fabric, plan: Plan, service: Service) -> None:
    """Wait until no router has a way to any address of the service."""
    addresses = [address for found in service.addresses.values() for address in found]
    known = [(router.name, address) for router in plan.routers for address in addresses]
    eventually(
        f"nobody has a way to {service.name}",
        lambda: not any(ways(fabric, router, address) for router, address in known),
    )


def ways(fabric: Fabric, machine: str, destination: Address) -> frozenset[str]:
    """How a machine's kernel goes to this very address."""
    return probes.table(Place(fabric.stack, machine)).get(str(destination), frozenset())


def lan_of(plan: Plan, node: str, like: Address) -> str:
    """A node's address on its LAN, of the family of another one."""
    (found,) = (item for item in plan.nodes if item.name == node)
    return str(found.lan.ip(family_of(like)))


def peering_of(router: Router, like: Address) -> str:
    """A router's address on the peering network, of the family of another one."""
    return str(of(family_of(like), [address.ip for address in router.peering.addresses]))
