"""The patches that make a node of the plan out of a Talos machine."""

from typing import Any

import pytest
import yaml

from config.machines import Node, Role
from config.plan import Plan
from render.artifacts import render
from tests.render.plans import own_as_for_each, planned, two_datacentres


def patch(plan: Plan, name: str) -> tuple[dict[str, Any], dict[str, Any], dict[str, Any]]:
    """The configuration proper, the host name's document, and that of the firewall."""
    proper, host_name, firewall = yaml.safe_load_all(render(plan).nodes[name].machine_patch)
    return proper, host_name, firewall


def nodes(plan: Plan, role: Role) -> list[Node]:
    return [node for node in plan.nodes if node.role is role]


@pytest.mark.parametrize("node", two_datacentres().nodes, ids=lambda node: node.name)
def test_a_node_knows_its_address_its_gateway_and_its_datacentre(node: Node) -> None:
    proper, host_name, _ = patch(two_datacentres(), node.name)
    (interface,) = proper["machine"]["network"]["interfaces"]
    assert interface["deviceSelector"] == {"hardwareAddr": node.lan.mac}
    assert interface["addresses"] == [str(node.lan.address)]
    assert interface["routes"] == [{"network": "0.0.0.0/0", "gateway": str(node.gateway)}]
    assert proper["machine"]["nodeLabels"] == {"topology.kubernetes.io/zone": node.datacentre}
    assert proper["machine"]["install"] == {"disk": "/dev/vda"}
    assert host_name["hostname"] == node.name


def test_a_host_name_is_off_in_words_not_a_boolean() -> None:
    _, host_name, _ = patch(two_datacentres(), "dc1-worker1")
    assert host_name["auto"] == "off"


def test_there_is_no_cni_and_no_kube_proxy_on_any_node() -> None:
    plan = own_as_for_each()
    for node in plan.nodes:
        cluster = patch(plan, node.name)[0]["cluster"]
        assert cluster["network"]["cni"] == {"name": "none"}
        assert cluster["proxy"] == {"disabled": True}


def test_only_control_planes_get_what_only_they_may_have() -> None:
    plan = two_datacentres()
    for node in plan.nodes:
        fields = set(patch(plan, node.name)[0]["cluster"])
        own = {"controllerManager", "etcd", "allowSchedulingOnControlPlanes"}
        assert (fields & own) == (own if node.role is Role.CONTROLPLANE else set())


def test_the_cluster_gives_no_node_pods_of_its_own_choice() -> None:
    plan = two_datacentres()
    (controlplane,) = nodes(plan, Role.CONTROLPLANE)
    manager = patch(plan, controlplane.name)[0]["cluster"]["controllerManager"]
    assert manager["extraArgs"] == {"allocate-node-cidrs": "false"}


@pytest.mark.parametrize(("workers", "allowed"), [(0, True), (1, False)])
def test_control_planes_take_work_where_there_are_no_workers(workers: int, allowed: bool) -> None:
    plan = planned({"datacentres": [{"nodes": {"controlplanes": 1, "workers": workers}}]})
    cluster = patch(plan, "dc1-controlplane1")[0]["cluster"]
    assert cluster["allowSchedulingOnControlPlanes"] is allowed


def test_the_kubelet_takes_the_lans_address() -> None:
    proper, _, _ = patch(two_datacentres(), "dc2-worker1")
    assert proper["machine"]["kubelet"]["nodeIP"]["validSubnets"] == ["10.1.2.0/24"]


def test_bgp_comes_in_from_the_routers_of_the_lan_alone() -> None:
    pair = [{"routers": 2}, {}]
    plan = planned({"datacentres": pair, "families": ["ipv4", "ipv6"]})
    assert patch(plan, "dc1-worker1")[2] == {
        "apiVersion": "v1alpha1",
        "kind": "NetworkRuleConfig",
        "name": "bgp-of-routers",
        "portSelector": {"ports": [1179], "protocol": "tcp"},
        "ingress": [
            {"subnet": "10.1.1.2/32"},
            {"subnet": "fd75:6e64:6572:101::2/128"},
            {"subnet": "10.1.1.3/32"},
            {"subnet": "fd75:6e64:6572:101::3/128"},
        ],
    }


def test_a_node_more_changes_no_other_nodes_patch() -> None:
    before, after = (
        planned({"datacentres": [{"nodes": nodes, "routers": 2}, {}]}) for nodes in (2, 3)
    )
    rendered = {name: node.machine_patch for name, node in render(after).nodes.items()}
    grown = {name: rendered[name] for name in render(before).nodes}
    assert grown == {name: node.machine_patch for name, node in render(before).nodes.items()}
    assert rendered.keys() - grown.keys() == {"dc1-worker2"}
