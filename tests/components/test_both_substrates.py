"""The fabric of `Pulumi.twin-full.yaml` on libvirt: it is told the very same as the twin."""

import functools
from collections.abc import Iterator
from typing import cast

import yaml

import program
from tests.components.monitor import Registered, StrictMonitor, run
from tests.components.stacks import Written, as_config, written

#: What only the twin needs to be told: a cluster makes EndpointSlices and pods itself.
_TWINS_OWN = {"EndpointSlice", "Pod"}


@functools.cache
def twin() -> StrictMonitor:
    """As a preview: nothing is built, whoever runs this."""
    return run(program.main, as_config(written("twin-full")), preview=True)


@functools.cache
def libvirt() -> StrictMonitor:
    config = written("dev")
    config["underlay:fabric"] = written("twin-full")["underlay:fabric"]
    config["underlay:libvirt"]["cilium"] = {"version": "1.20.0"}  # egress gateways in IPv6
    return run(program.main, as_config(config))


def of_type(monitor: StrictMonitor, ending: str) -> Iterator[Registered]:
    return (r for r in monitor.registered.values() if r.type.endswith(ending))


def of_cluster() -> Written:
    """What the twin's nodes are told by the one that stands for the API server."""
    (cluster,) = of_type(twin(), "twin:Cluster")
    return cast("Written", cluster.inputs["datacentres"])


def test_nothing_is_wrong_with_what_is_declared() -> None:
    assert twin().problems == libvirt().problems == []


def test_every_router_gets_the_same_files() -> None:
    on_twin = {r.inputs["machine"]: r.inputs["files"] for r in of_type(twin(), "twin:Router")}
    on_libvirt = {
        r.name.removeprefix("fabric-").removesuffix("-files"): r.inputs["files"]
        for r in of_type(libvirt(), "day1:RouterFiles")
    }
    assert on_libvirt == on_twin
    assert len(on_twin) == 5


def test_the_cluster_gets_the_same_objects() -> None:
    manifests = [
        yaml.safe_load(text) for told in of_cluster().values() for text in told["manifests"]
    ]
    on_twin = {
        (document["kind"], document["metadata"]["name"]): document["spec"]
        for document in manifests
        if document["kind"] not in _TWINS_OWN
    }
    kinds = {kind for kind, _ in on_twin}
    on_libvirt = {
        (r.inputs["kind"], r.inputs["metadata"]["name"]): r.inputs["spec"]
        for r in libvirt().registered.values()
        if r.inputs.get("kind") in kinds
    }
    assert on_libvirt == on_twin
    assert kinds == {
        "CiliumBGPAdvertisement",
        "CiliumBGPClusterConfig",
        "CiliumBGPPeerConfig",
        "CiliumEgressGatewayPolicy",
        "CiliumLoadBalancerIPPool",
        "Service",
    }


def test_cilium_gets_the_same_values() -> None:
    (chart,) = of_type(libvirt(), "helm.sh/v3:Release")
    told = [yaml.safe_load(of["helm_values"]) for of in of_cluster().values()]
    assert told == [chart.inputs["values"]] * len(told)


def test_every_node_gets_the_same_pod_cidrs() -> None:
    on_twin = {
        name: yaml.safe_load(text)["spec"]
        for told in of_cluster().values()
        for name, text in told["nodes"].items()
    }
    on_libvirt = {
        r.inputs["metadata"]["name"]: r.inputs["spec"] for r in of_type(libvirt(), ":NodePatch")
    }
    assert on_libvirt.keys() == on_twin.keys()
    for name, spec in on_libvirt.items():
        assert spec.items() <= on_twin[name].items()
