"""The plan as virtual machines: OpenWrt, Talos and Cilium, up to the point where it routes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import pulumi

from components.backstop import refuse_orphans
from components.fabric import Fabric, FabricArgs
from config.libvirt import Cilium, Libvirt
from config.plan import Plan
from config.settings import Settings
from images.digests import of_value
from render import metrics
from render.artifacts import Artifacts
from verify.libvirt_converged import LibvirtConverged, LibvirtConvergedArgs

_NAME = "fabric"


def build(
    settings: Settings,
    plan: Plan,
    artifacts: Artifacts,
    passwords: Mapping[str, pulumi.Output[str]],
) -> Mapping[str, object]:
    """Declare the fabric. Its outputs are its own settings and the ways in, secret or not."""
    refuse_orphans(_NAME)
    fabric = Fabric(
        _NAME,
        args=FabricArgs(
            label=f"{pulumi.get_project()}-{pulumi.get_stack()}",
            plan=plan,
            artifacts=artifacts,
            passwords=passwords,
            settings=_with_packages(settings),
            hosts={
                datacentre.name: datacentre.libvirt_uri
                for datacentre in settings.fabric.datacentres
                if datacentre.libvirt_uri not in (None, settings.libvirt.uri)
                and datacentre.libvirt_uri is not None
            },
        ),
    )
    management_key: pulumi.Output[str] = pulumi.Output.secret(fabric.management.private_key)
    shown = settings.libvirt.model_dump(mode="json", exclude_defaults=True)
    host_keys = {
        name: router.host_key
        for datacenter in fabric.datacenters.values()
        for name, router in datacenter.routers.items()
    }
    LibvirtConverged(
        f"{_NAME}-converged",
        args=LibvirtConvergedArgs(
            stack=pulumi.get_stack(),
            fabric=settings.fabric.model_dump(mode="json", exclude_defaults=True),
            libvirt=shown,
            machines=dict(_last_changed(fabric, artifacts, settings.libvirt.cilium)),
            host_keys=host_keys,
            management_key=management_key,
            kubeconfig=fabric.kubeconfig,
        ),
        opts=pulumi.ResourceOptions(
            parent=fabric,
            depends_on=[
                *fabric.datacenters.values(),
                *([fabric.cilium] if fabric.cilium is not None else []),
            ],
        ),
    )
    outputs = {
        "libvirt": shown,
        "host_keys": host_keys,
        "management_key": management_key,
        "kubeconfig": fabric.kubeconfig,
        "talosconfig": fabric.talosconfig,
    }
    return {name: output for name, output in outputs.items() if output is not None}


def _last_changed(
    fabric: Fabric, artifacts: Artifacts, cilium: Cilium
) -> Iterator[tuple[str, pulumi.Input[str]]]:
    """When, or to what, each was last changed of what sessions and routes come from.

    A router's files change in place; a node is its machine and the patch that it got; Cilium is
    its chart and what its BGP is told. Passwords are the routers' files as well.
    """
    for datacenter in fabric.datacenters.values():
        for name, router in datacenter.routers.items():
            yield name, router.applied_at
        for name, node in datacenter.nodes.items():
            patch = of_value(artifacts.nodes[name].machine_patch)
            yield name, pulumi.Output.concat(node.domain.id, " ", patch)
    if fabric.cilium is not None:
        told = [[site.cluster_config, *site.peer_configs] for site in artifacts.sites.values()]
        settings = cilium.model_dump(mode="json")
        shared = [*artifacts.advertisements, *artifacts.pools]
        demo = [[item.deployment, item.service] for item in artifacts.demo]
        yield "cilium", of_value([settings, artifacts.helm_values, told, shared, demo])


def _with_packages(settings: Settings) -> Libvirt:
    """The routers' image has what their files ask for, whether or not the user thought of it."""
    if not settings.fabric.observability.routers:
        return settings.libvirt
    image = settings.libvirt.openwrt.having(metrics.PACKAGE)
    return settings.libvirt.model_copy(update={"openwrt": image})
