"""The whole program for `dev` and `ndc`, on mocks that refuse what is wrong."""

import functools
from collections.abc import Mapping

import pytest

import program
from tests.components.monitor import PASSWORD, Registered, StrictMonitor, run
from tests.components.stacks import PASSWORDS, as_config, written

STACKS = ("dev", "ndc")
_WANS = ["172.31.0.0/22", "fd75:6e64:6572:1f::/64"]
_REPLACES = ["kernel", "initrd", "disks", "networkInterfaces"]


@functools.cache
def declared(stack: str, *, preview: bool = False) -> StrictMonitor:
    config = written(stack)
    config["underlay:passwords"] = (
        PASSWORDS if stack == "dev" else {"peering": PASSWORD, "datacentres": {"ams": PASSWORD}}
    )
    return run(program.main, as_config(config), preview=preview)


@pytest.mark.parametrize("preview", [True, False])
@pytest.mark.parametrize("stack", STACKS)
def test_nothing_is_wrong_with_what_is_declared(stack: str, preview: bool) -> None:
    assert declared(stack, preview=preview).problems == []


@pytest.mark.parametrize("stack", STACKS)
def test_preview_and_update_declare_the_same(stack: str) -> None:
    # Less stack and project: in the first run of a process, the mocks have names of their own.
    in_preview, in_update = (
        {urn.split("::", 2)[2] for urn in declared(stack, preview=preview).registered}
        for preview in (True, False)
    )
    assert in_preview == in_update


def test_everything_has_a_provider_of_its_own() -> None:
    default = [r.urn for r in declared("ndc").registered.values() if "::default" in r.provider]
    assert default == []


def test_machines_run_on_the_host_of_their_datacentre() -> None:
    domains = [
        r for r in declared("ndc").registered.values() if r.type == "libvirt:index/domain:Domain"
    ]
    hosts = {r.name.split("-")[1]: r.provider.split("::")[3] for r in domains}
    assert hosts == {
        "ams": "fabric-host-provider",
        "fra": "fabric-host-fra-provider",
        "lon": "fabric-host-lon-provider",
        "par": "fabric-host-par-provider",
    }


def test_exactly_one_node_is_bootstrapped() -> None:
    types = [r.type for r in declared("ndc").registered.values()]
    assert types.count("talos:machine/bootstrap:Bootstrap") == 1
    assert types.count("talos:machine/configurationApply:ConfigurationApply") == 8


def test_the_clusters_secrets_are_protected_unless_told_otherwise() -> None:
    def is_protected(stack: str) -> bool:
        (secrets,) = (r for r in declared(stack).registered.values() if r.type.endswith(":Secrets"))
        return bool(secrets.request.protect)

    assert is_protected("ndc")
    assert not is_protected("dev")


def test_outputs_have_the_shape_of_the_twins_and_the_ways_in_are_secret() -> None:
    outputs = declared("dev").outputs
    assert {"node_ips", "router_ips", "pod_cidrs", "vips", "scrape", "fabric", "readme"} <= set(
        outputs
    )
    signature = "4dabf18193072939515e22adb298388d"
    ways = ("kubeconfig", "talosconfig", "management_key")
    assert all(signature in outputs[name] for name in ways)
    assert outputs["host_keys"].keys() == outputs["router_ips"].keys()


def test_without_a_cluster_there_are_routers_alone() -> None:
    config = written("dev")
    config["underlay:libvirt"]["cluster"] = False
    monitor = run(program.main, as_config(config))
    assert monitor.problems == []
    packages = {r.type.partition(":")[0] for r in monitor.registered.values()}
    assert not packages & {"talos", "kubernetes"}
    assert "kubeconfig" not in monitor.outputs
    assert monitor.outputs["node_ips"] == monitor.outputs["pod_cidrs"] == {}


@pytest.mark.parametrize("stack", STACKS)
def test_the_last_resource_waits_for_everything_before_it(stack: str) -> None:
    registered = declared(stack).registered
    (last,) = (r for r in registered.values() if r.name == "fabric-converged")
    waited_for = _behind(registered, last.urn)
    assert set(last.inputs["machines"]) == {
        *declared(stack).outputs["node_ips"],
        *declared(stack).outputs["router_ips"],
        "cilium",
    }
    components = {urn for urn, r in registered.items() if not r.request.custom}
    assert registered.keys() - components - waited_for == {last.urn}


def _behind(registered: Mapping[str, Registered], urn: str) -> set[str]:
    """Whatever a resource waits for, however indirectly: what it depends on, and its provider."""
    found: set[str] = set()
    left = [urn]
    while left:
        request = registered[left.pop()].request
        provider = request.provider.rpartition("::")[0]
        near = {*request.dependencies, *([provider] if provider in registered else [])} - found
        found |= near
        left += near
    return found


@functools.cache
def watched() -> StrictMonitor:
    """`dev` with everything that has metrics, and the Prometheus operator in its cluster."""
    config = written("dev")
    config["underlay:fabric"]["observability"] = {
        "routers": True,
        "cilium": True,
        "hubble": {"metrics": ["drop"]},
        "discovery": "service-monitors",
        "namespace": "monitoring",
    }
    return run(program.main, as_config(config))


def test_objects_for_a_prometheus_are_made_by_the_clusters_own_provider() -> None:
    assert watched().problems == []
    made = [
        r
        for r in watched().registered.values()
        if r.name.startswith("fabric-cilium-monitoring-") and r.type.startswith("kubernetes:")
    ]
    assert {r.type for r in made} == {
        "kubernetes:core/v1:ConfigMap",
        "kubernetes:monitoring.coreos.com/v1:PrometheusRule",
        "kubernetes:monitoring.coreos.com/v1alpha1:ScrapeConfig",
    }
    assert all("::fabric-cilium-provider::" in r.provider for r in made)
    assert {r.inputs["metadata"]["namespace"] for r in made} == {"monitoring"}


def test_a_routers_image_has_what_its_metrics_need() -> None:
    def packages(monitor: StrictMonitor) -> list[str]:
        registered = monitor.registered.values()
        (image,) = (r for r in registered if r.name == "fabric-dc1-router1-image")
        return list(image.inputs["image"]["packages"])

    assert packages(watched()) == [*packages(declared("dev")), "uhttpd"]


def test_targets_are_routers_and_on_libvirt_agents_too() -> None:
    found = watched().outputs["scrape"]
    assert [config["targets"] for config in found["underlay-routers"]] == [
        ["10.1.1.2:9324"],
        ["10.1.2.2:9324"],
    ]
    assert ["10.1.1.11:9962"] in [config["targets"] for config in found["cilium-agent"]]
    assert ["10.1.1.11:9965"] in [config["targets"] for config in found["hubble"]]
    assert set(declared("dev").outputs["scrape"]) == set(found)


@functools.cache
def with_demo() -> StrictMonitor:
    config = written("dev")
    services = [{"address": "10.112.0.77"}, {"name": "local", "external_traffic_policy": "Local"}]
    config["underlay:fabric"] = {**config.get("underlay:fabric", {})}
    config["underlay:fabric"]["load_balancing"] = {"demo": services}
    return run(program.main, as_config(config))


def test_the_demo_is_deployed_once_the_nodes_are_ready() -> None:
    monitor = with_demo()
    assert monitor.problems == []
    of_demo = {r.name: r for r in monitor.registered.values() if "-demo-" in r.name}
    assert set(of_demo) == {
        f"fabric-cilium-demo-{service}{part}"
        for service in ("nginx", "local")
        for part in ("", "-answers", "-pods", "-service")
    }
    service = of_demo["fabric-cilium-demo-local-service"].inputs
    assert service["spec"]["externalTrafficPolicy"] == "Local"
    assert service["metadata"]["annotations"] == {"lbipam.cilium.io/ips": "10.112.0.2"}


def test_the_demos_vips_are_an_output() -> None:
    assert with_demo().outputs["vips"] == {"nginx": "10.112.0.77", "local": "10.112.0.2"}


def test_pools_are_made_whether_or_not_there_is_a_demo() -> None:
    registered = declared("dev").registered.values()
    (pool,) = (r for r in registered if r.type.endswith(":CiliumLoadBalancerIPPool"))
    assert pool.inputs["spec"] == {
        "blocks": [{"cidr": "10.112.0.0/16"}],
        "allowFirstLastIPs": "No",
    }


@functools.cache
def with_egress() -> StrictMonitor:
    config = written("dev")
    egress = {"gateways": {"dc1": {"node": "dc1-controlplane1"}}}
    config["underlay:fabric"] = {**config.get("underlay:fabric", {}), "egress_gateway": egress}
    return run(program.main, as_config(config))


def test_each_datacentre_has_its_egress_policy_and_its_gateway_the_address() -> None:
    monitor = with_egress()
    assert monitor.problems == []
    addresses = {"dc1": "10.113.0.1", "dc2": "10.113.0.2"}
    assert monitor.outputs["egress_addresses"] == addresses
    registered = monitor.registered.values()
    policies = [r for r in registered if r.type.endswith(":CiliumEgressGatewayPolicy")]
    assert {
        r.inputs["metadata"]["name"]: r.inputs["spec"]["egressGateway"]["egressIP"]
        for r in policies
    } == addresses
    chart = next(r for r in registered if r.name == "fabric-cilium-chart")
    assert chart.inputs["values"]["egressGateway"] == {"enabled": True}


def test_in_both_families_each_datacentre_has_a_policy_and_an_egress_address_of_each() -> None:
    config = written("dev")
    egress = {"gateways": {"dc1": {"node": "dc1-controlplane1"}}}
    config["underlay:fabric"] |= {"families": ["ipv6", "ipv4"], "egress_gateway": egress}
    config["underlay:libvirt"]["cilium"] = {"version": "1.20.0"}
    monitor = run(program.main, as_config(config))
    assert monitor.problems == []
    names = {r.name for r in monitor.registered.values()}
    assert {f"fabric-cilium-egress-dc1{of}" for of in ("", "-ipv6")} <= names
    of_ipv6 = {"dc1": "fd75:6e64:6572:71::1", "dc2": "fd75:6e64:6572:71::2"}
    assert monitor.outputs["egress_addresses"] == of_ipv6
    of_ipv4 = {"dc1": "10.113.0.1", "dc2": "10.113.0.2"}
    assert monitor.outputs["second_family"]["egress_addresses"] == of_ipv4


@pytest.mark.parametrize("families", [["ipv4", "ipv6"], ["ipv6", "ipv4"]])
def test_in_both_families_machines_are_configured_by_ipv4(families: list[str]) -> None:
    """A node's first address is a lease, and leases are of IPv4."""
    config = written("dev")
    config["underlay:fabric"]["families"] = families
    monitor = run(program.main, as_config(config))
    assert monitor.problems == []
    found = {r.name: r.inputs for r in monitor.registered.values()}
    assert found["fabric-networks-wan"]["addresses"] == (
        _WANS if families[0] == "ipv4" else _WANS[::-1]
    )
    assert found["fabric-dc2-worker1-configuration"]["endpoint"] == "10.1.2.21"
    assert {"fabric-cilium-peers-dc1", "fabric-cilium-peers-dc1-ipv6"} <= found.keys()
    pods = found["fabric-cilium-pod-cidr-dc2-worker1"]["spec"]["podCIDRs"]
    assert sorted(pods) == ["10.130.21.0/24", "fd75:6e64:6572:8215::/64"]


def test_the_demo_has_addresses_of_both_families() -> None:
    config = written("dev")
    config["underlay:fabric"] |= {
        "families": ["ipv6", "ipv4"],
        "load_balancing": {"announce": ["ClusterIP"], "demo": True},
    }
    monitor = run(program.main, as_config(config))
    assert monitor.problems == []
    found = {r.name: r.inputs for r in monitor.registered.values()}
    service = found["fabric-cilium-demo-nginx-service"]
    assert service["metadata"]["annotations"] == {
        "lbipam.cilium.io/ips": "fd75:6e64:6572:70::1,10.112.0.1"
    }
    assert service["spec"].items() >= {
        ("ipFamilyPolicy", "RequireDualStack"),
        ("clusterIP", "fd75:6e64:6572:60::b"),
    }
    assert service["spec"]["ipFamilies"] == ["IPv6", "IPv4"]
    assert service["spec"]["clusterIPs"] == ["fd75:6e64:6572:60::b", "10.96.0.11"]
    assert found["fabric-cilium-pool-fabric"]["spec"]["blocks"] == [
        {"cidr": "fd75:6e64:6572:70::/112"},
        {"cidr": "10.112.0.0/16"},
    ]
    assert monitor.outputs["vips"] == {"nginx": "fd75:6e64:6572:70::1"}
    assert monitor.outputs["second_family"]["vips"] == {"nginx": "10.112.0.1"}
    assert "[fd75:6e64:6572:70::1]:80, 10.112.0.1:80" in monitor.outputs["readme"]


def test_routers_alone_do_without_ipv4() -> None:
    config = written("dev")
    config["underlay:libvirt"]["cluster"] = False
    config["underlay:fabric"]["families"] = ["ipv6"]
    monitor = run(program.main, as_config(config))
    assert monitor.problems == []
    found = {r.name: r.inputs for r in monitor.registered.values()}
    assert found["fabric-networks-wan"]["addresses"] == _WANS[1:]
    assert found["fabric-dc1-router1-files"]["host"] == "fd75:6e64:6572:1f::a"


def test_all_cards_have_the_plans_macs_in_the_order_lan_wan_peering() -> None:
    registered = declared("dev").registered.values()
    (router,) = (r for r in registered if r.name == "fabric-dc2-router1-domain")
    macs = [card["mac"] for card in router.inputs["networkInterfaces"]]
    assert macs == ["02:10:00:02:01:00", "02:10:00:02:01:01", "02:10:00:02:01:02"]
    networks = [card["networkId"] for card in router.inputs["networkInterfaces"]]
    assert networks == ["fabric-dc2-lan", "fabric-networks-wan", "fabric-networks-peering"]
    assert router.inputs["cmdlines"] == [
        {"console": "ttyS0,115200n8", "root": "/dev/vda"},
        {"_": "rootwait"},
    ]


def test_what_libvirt_would_silently_not_change_is_replaced() -> None:
    domains = [
        r for r in declared("dev").registered.values() if r.type == "libvirt:index/domain:Domain"
    ]
    assert len(domains) == 4
    for domain in domains:
        assert list(domain.request.replaceOnChanges) == _REPLACES
        assert domain.request.deleteBeforeReplace


def test_the_host_has_a_route_to_each_datacentre_by_its_router() -> None:
    registered = declared("dev").registered.values()
    (wan,) = (r for r in registered if r.name == "fabric-networks-wan")
    routes = {route["cidr"]: route["gateway"] for route in wan.inputs["routes"]}
    assert routes["10.1.1.0/24"] == routes["10.129.0.0/16"] == "172.31.0.10"
    assert routes["10.1.2.0/24"] == routes["10.130.0.0/16"] == "172.31.0.12"
    assert routes["10.128.0.0/9"] == "172.31.0.10"  # for datacentres that are added later
    assert list(wan.request.ignoreChanges) == ["routes"]


def test_no_name_is_made_from_an_address() -> None:
    names = [r.name for r in declared("ndc").registered.values()]
    assert not [name for name in names if any(part.count(".") == 3 for part in name.split("-"))]


def test_a_second_peering_network_is_a_network_and_a_fourth_card() -> None:
    config = written("dev")
    config["underlay:fabric"]["redundancy"] = {"second_peering": "172.29.0.0/22"}
    monitor = run(program.main, as_config(config))
    assert monitor.problems == []
    (network,) = (r for r in monitor.registered.values() if r.name == "fabric-networks-peering2")
    assert network.inputs["mode"] == "none"
    (router,) = (r for r in monitor.registered.values() if r.name == "fabric-dc2-router1-domain")
    card = router.inputs["networkInterfaces"][3]
    assert (card["mac"], card["networkId"]) == ("02:10:00:02:01:03", "fabric-networks-peering2")


def test_a_second_peering_network_can_be_a_bridge_of_the_hosts() -> None:
    config = written("dev")
    config["underlay:fabric"]["redundancy"] = {"second_peering": "172.29.0.0/22"}
    config["underlay:libvirt"]["second_peering"] = {"bridge": "br-second"}
    monitor = run(program.main, as_config(config))
    assert monitor.problems == []
    names = [r.name for r in monitor.registered.values()]
    assert "fabric-networks-peering2" not in names
    (router,) = (r for r in monitor.registered.values() if r.name == "fabric-dc2-router1-domain")
    assert router.inputs["networkInterfaces"][3]["bridge"] == "br-second"
