"""What Kubernetes and Cilium are told."""

from typing import Any, cast

from config.plan import Plan
from render import cilium
from render.artifacts import Artifacts, render
from tests.render.plans import (
    NAMES,
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
    return cast(dict[str, Any], render(plan).sites[site].peer_config["spec"])


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
        assert cast(dict[str, Any], site.peer_config["metadata"])["name"] == name
        spec = cast(dict[str, Any], site.peer_config["spec"])
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
