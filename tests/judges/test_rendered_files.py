"""What is rendered passes the parsers of those who will read it."""

from collections.abc import Callable

import pytest
import yaml

from config.load import load
from config.plan import Plan, make_plan
from render.artifacts import Artifacts, render
from tests.judges.judges import judge_cilium, judge_talos, may_build
from tests.render.secrets import opened

pytestmark = may_build

EVERY_KIND = ["LoadBalancerIP", "ExternalIP", "ClusterIP"]


def default() -> Plan:
    return make_plan(load())


def three_by_two_with_passwords() -> Plan:
    names = ["ams", "fra", "lon"]
    return make_plan(
        load(
            {"datacentres": [{"name": name, "routers": 2, "nodes": 2} for name in names]},
            {"peering": "of-the-routers", "datacentres": {name: f"of-{name}" for name in names}},
        )
    )


def as_for_each_datacentre() -> Plan:
    asns = {"routers": "per-datacentre", "cluster": "per-datacentre"}
    return make_plan(load({"datacentres": 2, "asns": asns}))


def services_of_every_kind() -> Plan:
    demo = [
        {"datacentre": "dc1"},
        {"name": "b", "datacentre": "dc2", "external_traffic_policy": "Local"},
    ]
    settings = {"announce": EVERY_KIND, "selector": {"app.kubernetes.io/part-of": "demo"}}
    return make_plan(
        load({"load_balancing": {"pools": "per-datacentre", "demo": demo, **settings}})
    )


def aggregated_services() -> Plan:
    return make_plan(load({"load_balancing": {"aggregation_length": 28, "demo": True}}))


def egress_gateways() -> Plan:
    gateways = {"dc1": {"node": "dc1-controlplane1", "address": "10.113.9.9"}}
    return make_plan(load({"egress_gateway": {"gateways": gateways}}))


def egress_gateways_of_each_family() -> Plan:
    return make_plan(load({"families": ["ipv6", "ipv4"], "egress_gateway": {}}))


def dual_stack() -> Plan:
    fabric = {"families": ["ipv4", "ipv6"], "datacentres": [{"routers": 2}, {}]}
    services = {"announce": EVERY_KIND, "demo": True, "ipv6": {"aggregation_length": 120}}
    return make_plan(load({**fabric, "load_balancing": services}))


def ipv6_only() -> Plan:
    services = {"announce": EVERY_KIND, "demo": [{"external_traffic_policy": "Local"}]}
    return make_plan(load({"families": ["ipv6"], "load_balancing": services}))


plans = pytest.mark.parametrize(
    "plan_of",
    [
        default,
        three_by_two_with_passwords,
        as_for_each_datacentre,
        services_of_every_kind,
        aggregated_services,
        egress_gateways,
        egress_gateways_of_each_family,
        dual_stack,
        ipv6_only,
    ],
)


@plans
def test_talos_takes_every_machine_patch(plan_of: Callable[[], Plan]) -> None:
    plan = plan_of()
    nodes = render(plan).nodes
    patches = {node.name: (str(node.role), nodes[node.name].machine_patch) for node in plan.nodes}
    assert {role for role, _ in patches.values()} == {"controlplane", "worker"}
    assert judge_talos(patches) == []


@plans
def test_a_cluster_takes_every_manifest(plan_of: Callable[[], Plan]) -> None:
    assert judge_cilium(manifests(render(plan_of()))) == []


def manifests(artifacts: Artifacts) -> dict[str, str]:
    documents: dict[str, object] = {
        f"advertisement {number}": document
        for number, document in enumerate(artifacts.advertisements)
    }
    for number, pool in enumerate(artifacts.pools):
        documents[f"pool {number}"] = pool
    for service in artifacts.demo:
        documents[f"{service.name} config map"] = service.config_map
        documents[f"{service.name} deployment"] = service.deployment
        documents[f"{service.name} service"] = service.service
        for number, endpoint_slice in enumerate(service.endpoint_slices):
            documents[f"{service.name} endpoint slice {number}"] = endpoint_slice
    for site in artifacts.sites.values():
        documents[f"{site.name} cluster config"] = site.cluster_config
        for number, document in enumerate(site.peer_configs, start=1):
            documents[f"{site.name} peer config {number}"] = document
        for number, document in enumerate(site.egress_policies, start=1):
            documents[f"{site.name} egress policy {number}"] = document
        for number, pod in enumerate(site.egress_pods):
            documents[f"{site.name} egress pod {number}"] = pod
        if site.secret is not None:
            documents[f"{site.name} secret"] = opened(site.secret)
    for name, node in artifacts.nodes.items():
        documents[f"{name} node"] = node.node
        if node.bgp_override is not None:
            documents[f"{name} override"] = node.bgp_override
    return {name: yaml.safe_dump(document) for name, document in documents.items()}
