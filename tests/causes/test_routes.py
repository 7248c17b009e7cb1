"""Routes and services that somebody broke on a twin: the verification names what they did."""

from __future__ import annotations

import io
from dataclasses import asdict
from ipaddress import IPv4Address, IPv4Network

import pytest
from rich.console import Console

from tests.causes.faults import (
    Change,
    edited,
    gobgp,
    ip,
    named,
    named_at_last,
    redeployed,
    rules,
    with_text,
    without,
)
from tests.security.standing import Standing, eventually
from twin import agentd, daemons, gobgpd
from twin.gobgp import Speaker
from twin.load_balancer import TABLE
from twin.machine import run_nft
from verify.report import Report
from verify.table import show
from verify.twin_stack import TwinStack

pytestmark = [
    pytest.mark.twin,
    pytest.mark.timeout(300),
    pytest.mark.xdist_group("causes"),  # one twin for all of them
    pytest.mark.filterwarnings("ignore:subprocess .* is still running:ResourceWarning"),
]

ROUTER, NODE = "dc1-router1", "dc1-worker1"
PODS, NGINX, LOCAL = "10.129.21.0/24", "10.112.0.1", "10.112.0.2"
POOL, ADVERTISEMENT = "CiliumLoadBalancerIPPool", "CiliumBGPAdvertisement"


@pytest.mark.parametrize(
    ("change", "causes"),
    [
        (
            without(POOL),
            [
                f"no pool: {name} does not get its address {address}, since no {POOL} has it"
                for name, address in (("nginx", NGINX), ("local", LOCAL))
            ],
        ),
        (
            with_text(POOL, "allowFirstLastIPs", "disabled: true\n  allowFirstLastIPs"),
            [
                f"no pool: {name} does not get its address {address}, since fabric is disabled"
                for name, address in (("nginx", NGINX), ("local", LOCAL))
            ],
        ),
        (
            with_text("Service", 'exposed: "yes"', 'exposed: "no"'),
            [
                f"not selected: {name} does not have the labels that are advertised (exposed=yes)"
                for name in ("nginx", "local")
            ],
        ),
        (
            with_text(ADVERTISEMENT, "- LoadBalancerIP", "- ExternalIP"),
            [
                f"advertisement missing: no {ADVERTISEMENT} that nodes use has services' "
                "LoadBalancerIP"
            ],
        ),
        (
            without("Service"),
            [
                f"not advertised: there is no Service {name} in the cluster"
                for name in ("nginx", "local")
            ],
        ),
    ],
    ids=["no pool", "disabled pool", "labels", "no advertisement", "no service"],
)
def test_a_service_that_is_not_advertised_has_its_reason_named(
    fabric: Standing, change: Change, causes: list[str]
) -> None:
    with redeployed(fabric, change):
        named_at_last(fabric, *causes)


def test_a_service_without_a_pod_that_answers_is_named(fabric: Standing) -> None:
    pods = [backend.pod for backend in fabric.plan.load_balancing.demo[0].backends]
    for pod in pods:
        end_backend(fabric, pod)
    named_at_last(
        fabric, f"no ready backend: none of nginx's pods answers ({', '.join(sorted(pods))})"
    )


def test_a_node_without_a_pod_of_a_local_service_is_named(fabric: Standing) -> None:
    end_backend(fabric, "dc1-worker1-pod2")
    named_at_last(
        fabric,
        "policy Local: dc1-worker1 has no pod of local that answers, and announces it for pods of "
        "its own alone",
    )


def test_a_router_whose_filter_refuses_an_announcement_is_named(fabric: Standing) -> None:
    own = "(net = 10.129.21.0/24 || net ~ SHARED)"
    with edited(fabric, ROUTER, "/etc/bird.conf", own, "net = 10.129.21.0/24"):
        named_at_last(
            fabric,
            *(
                f"filtered: dc1-worker1 announces {address}/32, and dc1-router1's import filter "
                "refuses it"
                for address in (NGINX, LOCAL)
            ),
        )


def test_a_node_that_does_not_tell_of_its_pods_is_named(fabric: Standing) -> None:
    with redeployed(fabric, with_text(ADVERTISEMENT, "PodCIDR", "Nothing"), NODE):
        named_at_last(fabric, f"advertisement missing: dc1-worker1 does not announce {PODS}")


def test_a_wrong_next_hop_is_named(fabric: Standing) -> None:
    gobgp(fabric, NODE, "global", "rib", "add", PODS, "nexthop", "10.1.1.11")
    try:
        named_at_last(
            fabric,
            f"wrong next hop: dc1-worker1 announces {PODS} with the next hop 10.1.1.11, and its "
            "own address is 10.1.1.21",
        )
    finally:
        gobgp(fabric, NODE, "global", "rib", "add", PODS, "nexthop", "10.1.1.21")


def test_a_route_that_somebody_replaced_is_named(fabric: Standing) -> None:
    """Beside BIRD's, and before it by its metric."""
    route = f"route replace {PODS} via 10.1.1.11 metric 32 proto bird"
    with ip(fabric, ROUTER, route, f"route replace {PODS} via 10.1.1.21 metric 32 proto bird"):
        named_at_last(
            fabric,
            "wrong next hop: BIRD on dc1-router1 has the route by 10.1.1.21, but the kernel's goes "
            "by 10.1.1.11: it was changed by hand",
        )


def test_a_node_that_announces_too_many_routes_is_named(fabric: Standing) -> None:
    """By GoBGP's own API. Its agent, which would withdraw them, is not there."""
    flood = tuple(IPv4Network((0x0A70_4000 + number, 32)) for number in range(1200))
    agentd.end(fabric.place(NODE))
    with fabric.gobgp(NODE) as client:
        own = IPv4Address("10.1.1.21")
        client.announce(Speaker(65001, own, 1179, (), (own,), flood))
    named_at_last(
        fabric,
        "too many routes: dc1-worker1 announces more than dc1-router1 takes of it: the limit "
        "(fabric.security.node_limits) is imported 256 and received 1024, and 256 are there now",
    )
    gobgpd.end(fabric.place(NODE))


def test_pods_that_do_not_answer_are_named(fabric: Standing) -> None:
    """While the agent is not there to withdraw what they answered for."""
    for node in fabric.plan.nodes:
        agentd.end(fabric.place(node.name))
    end_backend(fabric, "dc2-worker1-pod1")
    named_at_last(
        fabric,
        "no ready backend: nginx at 10.112.0.1 is announced and some pods of it do not: "
        "dc2-worker1-pod1",
        asks=True,
    )


def test_a_node_that_does_not_balance_loads_is_named(fabric: Standing) -> None:
    agentd.end(fabric.place(NODE))
    run_nft(fabric.place(NODE), ["flush", "chain", *TABLE.split(), "outside"])
    named_at_last(
        fabric,
        *(
            f"no load balancing: dc1-worker1 does not translate {name} at {address} to its pods"
            for name, address in (("nginx", NGINX), ("local", LOCAL))
        ),
        asks=True,
    )


def test_a_rule_against_the_clients_of_a_service_is_named(fabric: Standing) -> None:
    with rules(fabric, ROUTER, f"ip daddr {NGINX} drop", hook="forward"):
        named_at_last(
            fabric,
            f"firewall: nginx at {NGINX} has its pods, routes and load balancing; traffic from "
            "outside to it is stopped at the routers, which reach it themselves",
            asks=True,
        )


def test_two_faults_at_once_are_both_shown_with_what_to_do(fabric: Standing) -> None:
    """As people see them, and programs."""
    with rules(fabric, ROUTER, "ip saddr 172.30.0.3 tcp dport 179 drop", "tcp sport 179 drop"):
        fabric.birdc(ROUTER, "restart router_dc2_router1")
        with redeployed(fabric, with_text(ADVERTISEMENT, "- LoadBalancerIP", "- ExternalIP")):
            faults = ("firewall: ", "advertisement missing: ")
            eventually("both are named", lambda: _begin_with(named(fabric), faults))
            report = TwinStack(fabric.stack, fabric.plan).report()
    console = Console(record=True, width=300, file=io.StringIO())
    show(report, console)
    lines = console.export_text().splitlines()
    for fault in faults:
        number = next(n for n, line in enumerate(lines) if line.strip().startswith(fault))
        assert lines[number + 1].strip().startswith("Remedy: ")
    assert [asdict(cause) for cause in report.findings[0].causes] in json_causes(report)


def json_causes(report: Report) -> list[object]:
    """The causes of each finding, for programs."""
    findings = report.as_json()["findings"]
    assert isinstance(findings, list)
    return [finding["causes"] for finding in findings]


def _begin_with(found: set[str], faults: tuple[str, ...]) -> bool:
    return all(any(cause.startswith(fault) for cause in found) for fault in faults)


def end_backend(fabric: Standing, pod: str) -> None:
    """End what runs in a pod, and nothing else."""
    daemons.stop(daemons.running_in(fabric.place(pod).folder, "twin.httpd"))
