"""Who asks services for what, and what is wrong with the answers; made-up answers."""

from typing import Any

import pytest

from config.families import family_of
from config.load import load
from config.plan import Plan, make_plan
from twin.load_balancer import LOOPBACK
from twin.twin import WAN_HOST
from verify.model import Check, Finding
from verify.vips import Answer, Answers, Question, counts, findings, questions

LOCAL = {"external_traffic_policy": "Local"}


def planned(
    *demo: dict[str, Any], announce: tuple[str, ...] = ("LoadBalancerIP",), **fabric: object
) -> Plan:
    settings = {"demo": list(demo), "announce": list(announce)}
    datacentres = [{"nodes": 2}, {"nodes": 1}]
    return make_plan(load({"datacentres": datacentres, "load_balancing": settings, **fabric}))


def first_pod(question: Question) -> str:
    return min(question.pods)


def as_planned(plan: Plan) -> dict[Question, Answer | str]:
    """Everybody is answered by one pod, which sees them as they are, but for itself."""
    return {
        question: Answer(
            first_pod(question),
            str(LOOPBACK[family_of(question.client.address)])
            if question.client.name == first_pod(question)
            else str(question.client.address),
        )
        for question in questions(plan)
    }


def said(plan: Plan, answers: Answers) -> list[str]:
    return [str(finding) for finding in findings(plan, answers)]


def asked_by(plan: Plan, client: str) -> Question:
    (question,) = (q for q in questions(plan) if q.client.name == client)
    return question


def test_the_host_outside_asks_only_where_it_has_a_way_to_services() -> None:
    """It has one to egress addresses in any case."""

    def clients(**fabric: object) -> set[str]:
        demo = {"load_balancing": {"demo": True}, "egress_gateway": {}}
        plan = make_plan(load({**demo, **fabric}))
        return {question.client.name for question in questions(plan)}

    assert WAN_HOST not in clients()
    assert WAN_HOST in clients(management=["172.31.0.1/32"])


def test_routers_and_pods_ask_for_every_announced_address_of_every_service() -> None:
    plan = planned({}, {"name": "b"}, announce=("LoadBalancerIP", "ClusterIP"))
    asked = {(q.client.name, str(q.address)) for q in questions(plan)}
    clients = {q.client.name for q in questions(plan)}
    assert clients == {
        *("dc1-router1", "dc2-router1"),
        *(f"dc1-controlplane1-pod{number}" for number in range(1, plan.pods_per_node + 1)),
        *(f"dc1-worker1-pod{number}" for number in range(1, plan.pods_per_node + 1)),
        *(f"dc2-worker1-pod{number}" for number in range(1, plan.pods_per_node + 1)),
    }
    addresses = {"10.112.0.1", "10.112.0.2", "10.96.0.11", "10.96.0.12"}
    assert asked == {(client, address) for client in clients for address in addresses}


def test_who_may_come_in_by_the_wan_asks_too() -> None:
    fabric = {"load_balancing": {"demo": True}, "management": ["172.31.0.1/32"]}
    assert "internet" in {q.client.name for q in questions(make_plan(load(fabric)))}


def test_where_all_is_as_planned_nothing_is_said() -> None:
    plan = planned({}, {"name": "b", **LOCAL})
    assert said(plan, as_planned(plan)) == []


def test_who_gets_no_answer_is_named_with_the_reason() -> None:
    plan = planned({})
    answers = as_planned(plan) | {asked_by(plan, "dc2-router1"): "Connection refused"}
    assert list(findings(plan, answers)) == [
        Finding(
            "dc2-router1",
            Check.VIPS,
            "dc2-router1 gets no answer from nginx at 10.112.0.1: Connection refused",
        )
    ]


def test_a_pod_of_another_service_is_the_wrong_one() -> None:
    plan = planned({})
    answers = as_planned(plan) | {asked_by(plan, "dc1-router1"): Answer("stray", "10.1.1.2")}
    assert said(plan, answers) == [
        "dc1-router1: nginx at 10.112.0.1 is answered by stray, which is no pod of it"
    ]


@pytest.mark.parametrize("seen_as", ["10.1.1.2", "10.1.1.21", "10.1.2.21"])
def test_with_cluster_a_client_may_be_hidden_by_a_node(seen_as: str) -> None:
    plan = planned({})
    question = asked_by(plan, "dc1-router1")
    assert said(plan, as_planned(plan) | {question: Answer(first_pod(question), seen_as)}) == []


def test_with_cluster_a_client_may_be_hidden_by_nobody_else() -> None:
    plan = planned({})
    question = asked_by(plan, "dc1-router1")
    answers = as_planned(plan) | {question: Answer("dc1-worker1-pod1", "172.30.0.1")}
    assert said(plan, answers) == [
        "dc1-router1: dc1-worker1-pod1 of nginx at 10.112.0.1 sees dc1-router1 as 172.30.0.1, "
        "not 10.1.1.2"
    ]


def test_with_local_the_clients_address_must_be_kept() -> None:
    plan = planned(LOCAL)
    question = asked_by(plan, "dc2-router1")
    answers = as_planned(plan) | {question: Answer("dc1-worker1-pod1", "10.1.2.21")}
    assert said(plan, answers) == [
        "dc2-router1: dc1-worker1-pod1 of nginx at 10.112.0.1 sees dc2-router1 as 10.1.2.21, "
        "not 10.1.2.2"
    ]


def test_pods_keep_their_address_whatever_the_policy() -> None:
    plan = planned({})
    question = asked_by(plan, "dc1-controlplane1-pod1")
    answers = as_planned(plan) | {question: Answer("dc1-worker1-pod1", "10.1.1.11")}
    assert said(plan, answers) == [
        "dc1-controlplane1: dc1-worker1-pod1 of nginx at 10.112.0.1 sees dc1-controlplane1-pod1 "
        "as 10.1.1.11, not 10.129.11.10"
    ]


BOTH = ["ipv4", "ipv6"]
VIP4, VIP6 = "10.112.0.1", "fd75:6e64:6572:70::1"


@pytest.mark.parametrize(
    ("families", "vips"),
    [(BOTH, {VIP4, VIP6}), (["ipv6", "ipv4"], {VIP4, VIP6}), (["ipv6"], {VIP6})],
)
def test_everybody_asks_in_each_family_by_an_address_of_it(
    families: list[str], vips: set[str]
) -> None:
    outside = {"ipv4": "172.31.0.1/32", "ipv6": "fd75:6e64:6572:1f::1/128"}
    management = [outside[family] for family in families]
    plan = planned({}, families=families, management=management)
    asked = questions(plan)
    assert all(family_of(q.client.address) is family_of(q.address) for q in asked)
    clients = {q.client.name for q in asked}
    assert {"dc1-router1", "dc2-worker1-pod1", WAN_HOST} <= clients
    assert {(q.client.name, str(q.address)) for q in asked} == {
        (client, vip) for client in clients for vip in vips
    }
    assert len(asked) == len(clients) * len(vips)
    assert counts(plan)["dc1-router1"] == {Check.VIPS: len(vips)}


def test_the_host_outside_asks_in_the_families_in_which_it_may_come_in() -> None:
    plan = planned({}, families=BOTH, management=["fd75:6e64:6572:1f::1/128"])
    assert [str(q.address) for q in questions(plan) if q.client.name == WAN_HOST] == [VIP6]


def test_what_is_wrong_in_ipv6_is_said_of_its_address() -> None:
    plan = planned(LOCAL, families=BOTH)
    assert said(plan, as_planned(plan)) == []
    (question,) = (
        q for q in questions(plan) if q.client.name == "dc2-router1" and str(q.address) == VIP6
    )
    hidden = Answer("dc1-worker1-pod1", "fd75:6e64:6572:102::15")
    assert said(plan, as_planned(plan) | {question: hidden}) == [
        f"dc2-router1: dc1-worker1-pod1 of nginx at {VIP6} sees dc2-router1 as "
        "fd75:6e64:6572:102::15, not fd75:6e64:6572:102::2"
    ]
    silent = as_planned(plan) | {question: "timed out"}
    assert said(plan, silent) == [
        f"dc2-router1: dc2-router1 gets no answer from nginx at {VIP6}: timed out"
    ]
