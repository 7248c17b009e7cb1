"""What Cilium makes of egress policies, rule by rule."""

from typing import Any

import pytest

from config.load import load
from config.plan import make_plan
from render.artifacts import render
from twin.egress import Entry, entries
from twin.manifest import TranslationError

# Manifests are YAML, which is untyped by nature.
Written = dict[str, Any]

VALUES = {
    "egressGateway": {"enabled": True},
    "enableIPv4Masquerade": True,
    "bpf": {"masquerade": True},
    "kubeProxyReplacement": True,
}


def node(name: str, address: str, **labels: str) -> Written:
    return {
        "metadata": {"name": name, "labels": {"name": name, **labels}},
        "status": {"addresses": [{"type": "InternalIP", "address": address}]},
    }


NODES = [node("a", "10.1.1.21", zone="ams"), node("b", "10.1.1.22", zone="fra")]


def pod(name: str = "p", of: str = "a", **labels: str) -> Written:
    return {
        "kind": "Pod",
        "metadata": {"name": name, "labels": labels},
        "spec": {"nodeName": of},
        "status": {"podIP": {"a": "10.129.21.10", "b": "10.129.22.10"}[of]},
    }


def policy(*selectors: Written, gateway: Written | None = None, **spec: object) -> Written:
    chosen = {"nodeSelector": {"matchLabels": gateway or {"name": "b"}}}
    return {
        "kind": "CiliumEgressGatewayPolicy",
        "metadata": {"name": "it"},
        "spec": {
            "selectors": list(selectors) or [{"podSelector": {"matchLabels": {"app": "web"}}}],
            "destinationCIDRs": ["0.0.0.0/0"],
            "egressGateway": {**chosen, "egressIP": "10.113.0.1"},
            **spec,
        },
    }


def found(*manifests: Written, values: Written = VALUES) -> tuple[Entry, ...]:
    return entries(values, manifests, NODES)


def selected(*manifests: Written) -> set[str]:
    return {entry.node for entry in found(*manifests)}


def test_a_selected_pod_goes_to_the_gateways_node_and_leaves_by_the_address() -> None:
    (entry,) = found(policy(), pod(app="web"))
    assert (str(entry.source), str(entry.destination)) == ("10.129.21.10", "0.0.0.0/0")
    assert (str(entry.gateway), str(entry.address)) == ("10.1.1.22", "10.113.0.1")
    assert not entry.excluded


def test_a_pod_without_the_labels_is_left_alone() -> None:
    assert found(policy(), pod(app="db")) == ()


def test_of_two_ranges_the_longer_comes_first() -> None:
    ranges: Written = {
        "destinationCIDRs": ["0.0.0.0/0", "10.1.9.0/24"],
        "excludedCIDRs": ["10.0.0.0/8", "10.1.0.0/16"],
    }
    assert [(str(e.destination), e.excluded) for e in found(policy(**ranges), pod(app="web"))] == [
        ("10.1.9.0/24", False),
        ("10.1.0.0/16", True),
        ("10.0.0.0/8", True),
        ("0.0.0.0/0", False),
    ]


def test_any_selector_of_pods_will_do_and_any_of_nodes() -> None:
    both = [pod("p", "a", app="web"), pod("q", "b", app="db")]
    web = {"podSelector": {"matchLabels": {"app": "web"}}}
    database = {"podSelector": {"matchLabels": {"app": "db"}}}
    in_fra = {"nodeSelector": {"matchLabels": {"zone": "fra"}}}
    assert selected(policy(web, database), *both) == {"a", "b"}
    assert selected(policy(web | in_fra), *both) == set()
    # Cilium keeps the two apart: what is said of nodes counts for every selector of pods.
    assert selected(policy(web, database | in_fra), *both) == {"b"}


def test_of_several_gateways_the_first_by_name_counts() -> None:
    chosen = policy(gateway={"name": "a"})
    chosen["spec"]["egressGateway"]["nodeSelector"] = {}
    assert {str(entry.gateway) for entry in found(chosen, pod(app="web"))} == {"10.1.1.21"}


def test_where_no_node_is_the_gateway_there_is_none() -> None:
    (entry,) = found(policy(gateway={"name": "c"}), pod(app="web"))
    assert entry.gateway is None


def test_policies_count_only_where_egress_gateways_are_on() -> None:
    assert found(policy(), pod(app="web"), values={**VALUES, "egressGateway": {}}) == ()


def both(document: Written, *addresses: str) -> Written:
    """A Node or a Pod with addresses of both families."""
    if document.get("kind") == "Pod":
        listed = [{"ip": address} for address in addresses]
        return document | {"status": {"podIP": addresses[0], "podIPs": listed}}
    listed = [{"type": "InternalIP", "address": address} for address in addresses]
    return document | {"status": {"addresses": listed}}


DUAL_NODES = [
    both(NODES[0], "fd00:1::15", "10.1.1.21"),
    both(NODES[1], "fd00:1::16", "10.1.1.22"),
]
DUAL_POD = both(pod(app="web"), "fd00:8::a", "10.129.21.10")
DUAL_VALUES = {**VALUES, "ipv6": {"enabled": True}, "enableIPv6Masquerade": True}


def in_ipv6(**spec: object) -> Written:
    way_out = {"nodeSelector": {"matchLabels": {"name": "b"}}, "egressIP": "fd00:71::1"}
    document = policy(destinationCIDRs=["::/0"], egressGateway=way_out)
    return document | {"spec": {**document["spec"], **spec}}


def test_a_policy_is_for_a_pods_address_of_its_own_family() -> None:
    said = entries(DUAL_VALUES, [policy(), in_ipv6(), DUAL_POD], DUAL_NODES)
    assert {(str(e.source), str(e.destination), str(e.gateway), str(e.address)) for e in said} == {
        ("10.129.21.10", "0.0.0.0/0", "10.1.1.22", "10.113.0.1"),
        ("fd00:8::a", "::/0", "fd00:1::16", "fd00:71::1"),
    }


def test_a_pod_that_lacks_the_policys_family_is_left_alone() -> None:
    assert entries(DUAL_VALUES, [in_ipv6(), pod(app="web")], DUAL_NODES) == ()


@pytest.mark.parametrize(
    ("written", "values", "complaint"),
    [
        (policy(destinationCIDRs=["0.0.0.0/0", "::/0"]), {}, "it has destinations of another fam"),
        (in_ipv6(destinationCIDRs=["0.0.0.0/0"]), {}, "it has destinations of another family"),
        (in_ipv6(), {"enableIPv6Masquerade": False}, "it needs enableIPv6Masquerade"),
    ],
    ids=["of both", "of IPv4 by an address of IPv6", "without masquerading"],
)
def test_a_policy_that_comes_to_something_else_with_cilium_is_refused(
    written: Written, values: Written, complaint: str
) -> None:
    with pytest.raises(TranslationError, match=f"the egress policy {complaint}"):
        entries({**DUAL_VALUES, **values}, [written, DUAL_POD], DUAL_NODES)


@pytest.mark.parametrize(
    ("off", "named"),
    [
        ({"enableIPv4Masquerade": False}, "enableIPv4Masquerade"),
        ({"bpf": {}}, "bpf.masquerade"),
        ({"kubeProxyReplacement": False}, "kubeProxyReplacement"),
        ({"ipv4": {"enabled": False}}, "ipv4.enabled: its tunnel is of IPv4"),
    ],
)
def test_values_with_which_the_agent_would_not_start_are_refused(off: Written, named: str) -> None:
    with pytest.raises(TranslationError, match=f"egressGateway.enabled needs {named}"):
        found(values={**VALUES, **off})


def test_what_is_rendered_selects_the_same_pods_in_each_family() -> None:
    fabric = {"families": ["ipv6", "ipv4"], "datacentres": [{"nodes": 2}], "egress_gateway": {}}
    rendered = render(make_plan(load(fabric)))
    site = rendered.sites["dc1"]
    nodes = [rendered.nodes[f"dc1-{name}"].node for name in ("controlplane1", "worker1")]
    said = entries(rendered.helm_values, [*site.egress_policies, *site.egress_pods], nodes)
    assert {(str(e.source), str(e.address)) for e in said if not e.excluded} == {
        ("10.129.11.11", "10.113.0.1"),
        ("10.129.21.11", "10.113.0.1"),
        ("fd75:6e64:6572:810b::b", "fd75:6e64:6572:71::1"),
        ("fd75:6e64:6572:8115::b", "fd75:6e64:6572:71::1"),
    }


def test_what_is_rendered_selects_the_last_pod_of_each_node_of_the_datacentre() -> None:
    rendered = render(make_plan(load({"datacentres": [{"nodes": 3}, {}], "egress_gateway": {}})))
    site = rendered.sites["dc1"]
    assert len(site.egress_policies) == 1
    nodes = [rendered.nodes[f"dc1-{name}"].node for name in ("controlplane1", "worker1", "worker2")]
    said = entries(rendered.helm_values, [*site.egress_policies, *site.egress_pods], nodes)
    outwards = {(str(e.source), str(e.gateway)) for e in said if not e.excluded}
    pods = ("10.129.11.11", "10.129.21.11", "10.129.22.11")
    assert outwards == {(address, "10.1.1.21") for address in pods}
