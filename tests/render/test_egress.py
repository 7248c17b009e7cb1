"""Egress gateways as Cilium, Talos and the routers are told of them."""

import re
from typing import Any, cast

import pytest
import yaml

from config.plan import Plan
from render.artifacts import Artifacts, render
from tests.render.plans import (
    dual_stack,
    egress_gateways,
    egress_gateways_of_each_family,
    two_datacentres,
)


def policies(artifacts: Artifacts, site: str) -> dict[str, dict[str, Any]]:
    """What each policy for a datacentre's pods says, by its name."""
    documents = cast(list[dict[str, Any]], artifacts.sites[site].egress_policies)
    return {document["metadata"]["name"]: document["spec"] for document in documents}


def policy(artifacts: Artifacts, site: str) -> dict[str, Any]:
    """The only one, which has the datacentre's own name."""
    ((name, spec),) = policies(artifacts, site).items()
    assert name == site
    return spec


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


def test_in_each_family_there_is_a_policy_of_its_own_with_nothing_of_the_other() -> None:
    found = policies(render(egress_gateways_of_each_family()), "dc1")
    assert {name: spec["egressGateway"]["egressIP"] for name, spec in found.items()} == {
        "dc1": "10.113.0.1",
        "dc1-ipv6": "fd75:6e64:6572:71::77",
    }
    for name, is_ipv6 in (("dc1", False), ("dc1-ipv6", True)):
        ranges = [*found[name]["destinationCIDRs"], *found[name]["excludedCIDRs"]]
        assert {":" in network for network in ranges} == {is_ipv6}
    assert found["dc1-ipv6"]["destinationCIDRs"] == ["2001:db8::/32"]
    own = {"fd75:6e64:6572:100::/56", "fd75:6e64:6572:8000::/49", "fd75:6e64:6572:1d::/64"}
    assert own <= set(found["dc1-ipv6"]["excludedCIDRs"])
    assert found["dc1"]["selectors"] == found["dc1-ipv6"]["selectors"]


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


def test_the_interface_holds_the_addresses_of_both_families() -> None:
    patch = render(egress_gateways_of_each_family()).nodes["dc1-worker1"].machine_patch
    proper, *_ = yaml.safe_load_all(patch)
    (dummy,) = (one for one in proper["machine"]["network"]["interfaces"] if one.get("dummy"))
    assert dummy["addresses"] == ["fd75:6e64:6572:71::77/128", "10.113.0.1/32"]


@pytest.mark.parametrize(
    ("plan", "is_on"), [(egress_gateways_of_each_family(), True), (dual_stack(), False)]
)
def test_with_gateways_of_ipv6_masquerading_is_on_there_and_spares_everything(
    plan: Plan, is_on: bool
) -> None:
    values = cast(dict[str, Any], render(plan).helm_values)
    assert values["enableIPv6Masquerade"] is is_on
    if is_on:
        assert values["ipMasqAgent"]["config"]["nonMasqueradeCIDRs"] == ["0.0.0.0/0", "::/0"]


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


def test_in_ipv6_a_router_takes_the_address_from_the_gateway_alone() -> None:
    plan = egress_gateways_of_each_family()
    said = of_nodes(plan, "dc1-router1")
    assert {node for node, condition in said.items() if "fd75:6e64:6572:71::" in condition} == {
        "dc1_worker1_ipv6"
    }
    own = "|| net = fd75:6e64:6572:71::77/128 || net ~ SHARED_IPV6)"
    assert said["dc1_worker1_ipv6"].endswith(own)
    assert "fd75" not in said["dc1_worker1"]
    far = render(plan).routers["dc2-router1"].files["/etc/bird.conf"]
    assert "fd75:6e64:6572:71::77/128" in far


def test_routers_leave_egress_addresses_of_both_families_as_they_are_at_the_wan() -> None:
    for router in render(egress_gateways_of_each_family()).routers.values():
        spared = re.findall("list masq_src '(.*)'", router.files["/etc/config/firewall"])
        assert {"!fd75:6e64:6572:71::/112", "!10.113.0.0/16"} <= set(spared)


def test_a_selected_pod_has_its_address_in_each_family_the_primary_one_first() -> None:
    pods = render(egress_gateways_of_each_family()).sites["dc2"].egress_pods
    statuses = [cast(dict[str, Any], pod["status"]) for pod in pods]
    addresses = ["fd75:6e64:6572:8215::b", "10.130.21.11"]
    assert statuses[0]["podIP"] == addresses[0]
    assert statuses[0]["podIPs"] == [{"ip": address} for address in addresses]


def test_the_twins_selected_pod_is_the_last_of_each_node() -> None:
    pods = cast(list[dict[str, Any]], render(egress_gateways()).sites["dc1"].egress_pods)
    assert [(pod["metadata"]["name"], pod["status"]["podIP"]) for pod in pods] == [
        ("dc1-controlplane1-pod2", "10.129.11.11"),
        ("dc1-worker1-pod2", "10.129.21.11"),
        ("dc1-worker2-pod2", "10.129.22.11"),
    ]
    assert all(p["metadata"]["labels"] == {"underlay.io/egress": "gateway"} for p in pods)
