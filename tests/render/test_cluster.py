"""What Kubernetes and Cilium are told."""

from typing import Any, cast

from config.plan import Plan
from render import cilium
from render.artifacts import Artifacts, render
from tests.render.plans import (
    NAMES,
    dual_stack,
    ipv6_only,
    own_as_for_each,
    pairs_of_routers_with_passwords,
    planned,
    two_datacentres,
)
from tests.render.secrets import opened, password


def instance(artifacts: Artifacts, site: str) -> dict[str, Any]:
    spec = cast(dict[str, Any], artifacts.sites[site].cluster_config["spec"])
    (found,) = spec["bgpInstances"]
    return cast(dict[str, Any], found)


def peer_spec(plan: Plan, site: str) -> dict[str, Any]:
    (config,) = render(plan).sites[site].peer_configs
    return cast(dict[str, Any], config["spec"])


def test_nodes_peer_with_every_router_of_their_datacentre_and_no_other() -> None:
    artifacts = render(pairs_of_routers_with_passwords())
    for name in NAMES:
        peers = instance(artifacts, name)["peers"]
        assert [peer["name"] for peer in peers] == [f"{name}-router1", f"{name}-router2"]


def test_a_cluster_config_is_for_the_nodes_of_its_zone() -> None:
    artifacts = render(two_datacentres())
    for name, site in artifacts.sites.items():
        spec = cast(dict[str, Any], site.cluster_config["spec"])
        assert spec["nodeSelector"] == {"matchLabels": {"topology.kubernetes.io/zone": name}}


def test_both_ends_of_a_session_agree_on_the_ases() -> None:
    plan = own_as_for_each()
    artifacts = render(plan)
    for site in plan.sites:
        if site.nodes:
            (asn,) = {node.asn for node in site.nodes}
            found = instance(artifacts, site.name)
            assert found["localASN"] == asn
            assert [peer["peerASN"] for peer in found["peers"]] == [r.asn for r in site.routers]


def test_a_datacentre_without_nodes_has_nothing_to_tell_the_cluster() -> None:
    assert set(render(own_as_for_each()).sites) == {"ams", "fra"}


def test_every_reference_leads_to_something_that_exists() -> None:
    artifacts = render(pairs_of_routers_with_passwords())
    labels = [
        cast(dict[str, Any], document["metadata"])["labels"]
        for document in artifacts.advertisements
    ]
    for name, site in artifacts.sites.items():
        for peer in instance(artifacts, name)["peers"]:
            assert peer["peerConfigRef"]["name"] == name
        (config,) = site.peer_configs
        assert cast(dict[str, Any], config["metadata"])["name"] == name
        spec = cast(dict[str, Any], config["spec"])
        assert site.secret is not None
        metadata = cast(dict[str, Any], opened(site.secret)["metadata"])
        assert spec["authSecretRef"] == metadata["name"]
        (family,) = spec["families"]
        assert family["advertisements"]["matchLabels"] in labels


def test_a_secret_is_there_only_where_there_is_a_password() -> None:
    plan = planned(
        {"security": {"generate_passwords": False}}, {"datacentres": {"dc2": "of-the-user"}}
    )
    secrets = {name: site.secret for name, site in render(plan).sites.items()}
    assert secrets["dc1"] is None
    assert secrets["dc2"] is not None
    assert opened(secrets["dc2"])["stringData"] == {"password": password("dc2")}
    assert "authSecretRef" not in peer_spec(plan, "dc1")


def test_no_artifact_shows_a_password_in_its_repr() -> None:
    secrets = {"peering": "for-routers", "datacentres": {"dc1": "for-nodes"}}
    shown = repr(render(planned(passwords=secrets)))
    assert not any(text in shown for text in ("for-routers", "for-nodes"))


def test_both_ends_of_a_session_use_the_same_timers() -> None:
    plan = planned({"timers": {"hold_time": 30, "keepalive_time": 10}})
    assert peer_spec(plan, "dc1")["timers"]["holdTimeSeconds"] == 30
    assert "hold time 30;" in render(plan).routers["dc1-router1"].files["/etc/bird.conf"]


def test_a_single_node_runs_a_single_operator() -> None:
    alone = planned({"datacentres": [{"nodes": 1}]})
    assert cilium.helm_values(alone)["operator"] == {"replicas": 1}
    assert cilium.helm_values(two_datacentres())["operator"] == {"replicas": 2}


def test_cilium_translates_no_address() -> None:
    values = cilium.helm_values(two_datacentres())
    assert values["routingMode"] == "native"
    assert values["enableIPv4Masquerade"] is False


def test_a_nodes_pods_are_those_that_its_router_takes_from_it() -> None:
    plan = own_as_for_each()
    artifacts = render(plan)
    for site in plan.sites:
        for node in site.nodes:
            spec = cast(dict[str, Any], artifacts.nodes[node.name].node["spec"])
            assert spec["podCIDRs"] == [spec["podCIDR"]]
            for router in site.routers:
                conf = artifacts.routers[router.name].files["/etc/bird.conf"]
                assert f"net = {spec['podCIDR']} " in conf


def test_each_family_has_a_session_of_its_own_that_tells_of_that_family_alone() -> None:
    for plan in (dual_stack(), ipv6_only()):
        artifacts = render(plan)
        families = {str(family) for family in plan.families}
        for name, site in artifacts.sites.items():
            told = {}
            for config in site.peer_configs:
                spec = cast(dict[str, Any], config["spec"])
                (family,) = spec["families"]
                told[cast(dict[str, Any], config["metadata"])["name"]] = family["afi"]
            assert sorted(told.values()) == sorted(families)
            peers = instance(artifacts, name)["peers"]
            assert len({peer["name"] for peer in peers}) == len(peers)
            for peer in peers:
                of_address = "ipv6" if ":" in peer["peerAddress"] else "ipv4"
                assert told[peer["peerConfigRef"]["name"]] == of_address


def test_cilium_has_the_families_of_the_fabric_and_translates_in_none() -> None:
    values = cilium.helm_values(two_datacentres())
    assert not {"ipv4", "ipv6"} & values.keys()  # the chart's own default
    values = cilium.helm_values(dual_stack())
    assert "ipv4" not in values
    assert values["ipv6"] == {"enabled": True}
    assert values["enableIPv4Masquerade"] is values["enableIPv6Masquerade"] is False
    values = cilium.helm_values(ipv6_only())
    assert (values["ipv4"], values["ipv6"]) == ({"enabled": False}, {"enabled": True})


def test_a_node_has_its_addresses_and_pods_in_the_order_of_the_families() -> None:
    primary = planned({"families": ["ipv6", "ipv4"]})
    for plan in (dual_stack(), primary):
        for node in plan.nodes:
            document = render(plan).nodes[node.name].node
            spec = cast(dict[str, Any], document["spec"])
            assert spec["podCIDRs"] == [str(cidr) for cidr in node.pod_cidrs]
            assert spec["podCIDR"] == spec["podCIDRs"][0]
            status = cast(dict[str, Any], document["status"])
            assert [entry["address"] for entry in status["addresses"]] == [
                str(address.ip) for address in node.lan.addresses
            ]


def test_only_without_ipv4_is_a_nodes_identifier_spelt_out() -> None:
    assert all(node.bgp_override is None for node in render(dual_stack()).nodes.values())
    plan = ipv6_only()
    artifacts = render(plan)
    for node in plan.nodes:
        override = artifacts.nodes[node.name].bgp_override
        assert override is not None
        assert cast(dict[str, Any], override["metadata"])["name"] == node.name
        (own,) = cast(dict[str, Any], override["spec"])["bgpInstances"]
        assert own["name"] == instance(artifacts, node.datacentre)["name"]
        assert own["routerID"] == str(node.router_id)
