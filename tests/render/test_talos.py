"""The patches that make a node of the plan out of a Talos machine."""

from typing import Any

import pytest
import yaml

from config.machines import Node, Role
from config.plan import Plan
from render.artifacts import render
from tests.render.plans import own_as_for_each, planned, two_datacentres


def patch(plan: Plan, name: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """The configuration proper and the host name's document."""
    proper, host_name = yaml.safe_load_all(render(plan).nodes[name].machine_patch)
    return proper, host_name


def nodes(plan: Plan, role: Role) -> list[Node]:
    return [node for node in plan.nodes if node.role is role]


@pytest.mark.parametrize("node", two_datacentres().nodes, ids=lambda node: node.name)
def test_a_node_knows_its_address_its_gateway_and_its_datacentre(node: Node) -> None:
    proper, host_name = patch(two_datacentres(), node.name)
    (interface,) = proper["machine"]["network"]["interfaces"]
    assert interface["deviceSelector"] == {"hardwareAddr": node.lan.mac}
    assert interface["addresses"] == [str(node.lan.address)]
    assert interface["routes"] == [{"network": "0.0.0.0/0", "gateway": str(node.gateway)}]
    assert proper["machine"]["nodeLabels"] == {"topology.kubernetes.io/zone": node.datacentre}
    assert proper["machine"]["install"] == {"disk": "/dev/vda"}
    assert host_name["hostname"] == node.name


def test_a_host_name_is_off_in_words_not_a_boolean() -> None:
    _, host_name = patch(two_datacentres(), "dc1-worker1")
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
    proper, _ = patch(two_datacentres(), "dc2-worker1")
    assert proper["machine"]["kubelet"]["nodeIP"]["validSubnets"] == ["10.1.2.0/24"]
