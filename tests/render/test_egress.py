"""Egress gateways as Cilium, Talos and the routers are told of them."""

import re
from typing import Any, cast

import pytest
import yaml

from config.plan import Plan
from render.artifacts import Artifacts, render
from tests.render.plans import egress_gateways, two_datacentres


def policy(artifacts: Artifacts, site: str) -> dict[str, Any]:
    document = artifacts.sites[site].egress_policy
    assert document
    return cast(dict[str, Any], document["spec"])


def advertised(plan: Plan) -> list[dict[str, Any]]:
    (document,) = render(plan).advertisements
    return cast(list[dict[str, Any]], cast(dict[str, Any], document["spec"])["advertisements"])


def test_a_policy_is_for_the_selected_pods_of_one_datacentre() -> None:
    artifacts = render(egress_gateways())
    for site in ("dc1", "dc2"):
        (selector,) = policy(artifacts, site)["selectors"]
        assert selector == {
            "podSelector": {"matchLabels": {"underlay.io/egress": "gateway"}},
            "nodeSelector": {"matchLabels": {"topology.kubernetes.io/zone": site}},
        }


def test_a_policy_names_the_gateway_and_leaves_out_what_is_inside() -> None:
    spec = policy(render(egress_gateways()), "dc1")
    assert spec["egressGateway"] == {
        "nodeSelector": {"matchLabels": {"kubernetes.io/hostname": "dc1-worker2"}},
        "egressIP": "10.113.7.7",
    }
    assert spec["destinationCIDRs"] == ["0.0.0.0/0", "198.51.100.0/24"]
    assert {"10.1.0.0/16", "10.128.0.0/9", "192.168.7.0/24"} <= set(spec["excludedCIDRs"])
    assert "172.31.0.0/22" not in spec["excludedCIDRs"]


def test_the_gateways_node_alone_has_the_address_on_an_interface_that_is_announced() -> None:
    plan = egress_gateways()
    held = {}
    for name, node in render(plan).nodes.items():
        proper, *_ = yaml.safe_load_all(node.machine_patch)
        interfaces = proper["machine"]["network"]["interfaces"]
        held[name] = [item for item in interfaces if item.get("dummy")]
    assert held == {
        "dc1-controlplane1": [],
        "dc1-worker1": [],
        "dc1-worker2": [{"interface": "egress", "dummy": True, "addresses": ["10.113.7.7/32"]}],
        "dc2-worker1": [{"interface": "egress", "dummy": True, "addresses": ["10.113.0.2/32"]}],
        "dc2-worker2": [],
    }
    entry = {"advertisementType": "Interface", "interface": {"name": "egress"}}
    assert entry in advertised(plan)
    assert entry not in advertised(two_datacentres())


def test_cilium_may_translate_by_policies_and_nothing_else() -> None:
    values = cast(dict[str, Any], render(egress_gateways()).helm_values)
    assert values["egressGateway"] == {"enabled": True}
    assert (values["enableIPv4Masquerade"], values["bpf"]) == (True, {"masquerade": True})
    assert values["ipMasqAgent"] == {
        "enabled": True,
        "config": {"nonMasqueradeCIDRs": ["0.0.0.0/0"]},
    }
    assert "ipv4NativeRoutingCIDR" not in values
    assert "egressGateway" not in render(two_datacentres()).helm_values


def of_nodes(plan: Plan, router: str) -> dict[str, str]:
    """What each of a router's nodes may announce."""
    text = render(plan).routers[router].files["/etc/bird.conf"]
    found = re.findall(r"^protocol bgp node_(\w+) .*?^    import where (.*?);$", text, re.M | re.S)
    return dict(found)


@pytest.mark.parametrize("router", ["dc1-router1", "dc1-router2"])
def test_a_router_takes_the_egress_address_from_the_gateway_alone(router: str) -> None:
    said = of_nodes(egress_gateways(), router)
    allowed = {node for node, condition in said.items() if "10.113." in condition}
    assert allowed == {"dc1_worker2"}
    assert said["dc1_worker2"].endswith("(net = 10.129.22.0/24 || net = 10.113.7.7/32)")


def test_without_gateways_no_router_takes_an_egress_address() -> None:
    for router in render(two_datacentres()).routers.values():
        assert "10.113.0.0/16{" not in router.files["/etc/bird.conf"]


def test_routers_leave_egress_addresses_as_they_are_at_the_wan() -> None:
    for plan, is_spared in ((egress_gateways(), True), (two_datacentres(), False)):
        for router in render(plan).routers.values():
            text = router.files["/etc/config/firewall"]
            assert ("list masq_src '!10.113.0.0/16'" in text) is is_spared


def test_the_twins_selected_pod_is_the_last_of_each_node() -> None:
    pods = cast(list[dict[str, Any]], render(egress_gateways()).sites["dc1"].egress_pods)
    assert [(pod["metadata"]["name"], pod["status"]["podIP"]) for pod in pods] == [
        ("dc1-controlplane1-pod2", "10.129.11.11"),
        ("dc1-worker1-pod2", "10.129.21.11"),
        ("dc1-worker2-pod2", "10.129.22.11"),
    ]
    assert all(p["metadata"]["labels"] == {"underlay.io/egress": "gateway"} for p in pods)
