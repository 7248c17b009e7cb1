"""The plan as virtual machines: OpenWrt, Talos and Cilium."""

from __future__ import annotations

from collections.abc import Mapping

import pulumi

from components.backstop import refuse_orphans
from components.fabric import Fabric, FabricArgs
from config.plan import Plan
from config.settings import Settings
from render.artifacts import Artifacts

_NAME = "fabric"


def build(settings: Settings, plan: Plan, artifacts: Artifacts) -> Mapping[str, object]:
    """Declare the fabric. Its outputs are the ways into the cluster, which are secrets."""
    refuse_orphans(_NAME)
    fabric = Fabric(
        _NAME,
        args=FabricArgs(
            label=f"{pulumi.get_project()}-{pulumi.get_stack()}",
            plan=plan,
            artifacts=artifacts,
            settings=settings.libvirt,
            hosts={
                datacentre.name: datacentre.libvirt_uri
                for datacentre in settings.fabric.datacentres
                if datacentre.libvirt_uri not in (None, settings.libvirt.uri)
                and datacentre.libvirt_uri is not None
            },
        ),
    )
    outputs = {"kubeconfig": fabric.kubeconfig, "talosconfig": fabric.talosconfig}
    return {name: output for name, output in outputs.items() if output is not None}
