"""A Talos node: a machine with an empty disk, and its configuration."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pulumi
import pulumi_libvirt as libvirt
import pulumiverse_talos as talos

from components import talos_client
from components.libvirt import Card, MachineArgs, Port, machine
from components.libvirt_host import LibvirtHost
from config.families import Family
from config.libvirt import Libvirt
from config.machines import Node, Role
from render.artifacts import NodeArtifacts
from render.talos import install_patch

_GIBIBYTE = 1 << 30

#: What Talos asks to be booted with (Talos docs, "Kernel parameters"), and the serial console.
_ARGUMENTS = {
    "talos.platform": "metal",
    "console": "ttyS0",
    "consoleblank": "0",
    "init_on_alloc": "1",
    "nvme_core.io_timeout": "4294967295",
    "printk.devkmsg": "on",
    "pti": "on",
}
_FLAGS = ("slab_nomerge",)


@dataclass(frozen=True, slots=True, kw_only=True)
class TalosNodeArgs:
    """A planned node, its patch, and the cluster that it joins.

    `label` begins its name on the host. `routers` are what must stand for the node to be reached.
    """

    label: str
    node: Node
    artifacts: NodeArtifacts
    settings: Libvirt
    host: LibvirtHost
    lan: Port
    cluster: str
    endpoint: str
    secrets: talos.machine.Secrets
    routers: Sequence[pulumi.Resource]


class TalosNode(pulumi.ComponentResource):
    """The machine, booted by kernel, and configured once its router gives it its address.

    `applied` stands when the machine has taken its configuration. Nothing is wiped on destroy:
    the machine goes with its disk.
    """

    domain: libvirt.Domain
    applied: talos.machine.ConfigurationApply

    def __init__(
        self, name: str, *, args: TalosNodeArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("underlay:index:TalosNode", name, None, opts)
        node, settings = args.node, args.settings
        size = settings.controlplane if node.role is Role.CONTROLPLANE else settings.worker
        here = pulumi.ResourceOptions(parent=self, provider=args.host.provider)
        disk = libvirt.Volume(
            f"{name}-disk",
            name=node.name,
            pool=args.host.pool,
            size=size.disk * _GIBIBYTE,
            format="raw",
            opts=pulumi.ResourceOptions.merge(
                here, pulumi.ResourceOptions(delete_before_replace=True)
            ),
        )
        self.domain = machine(
            f"{name}-domain",
            args=MachineArgs(
                host_name=f"{args.label}-{node.name}",
                type=settings.type,
                autostart=settings.autostart,
                memory=size.memory,
                vcpus=size.vcpus,
                kernel=args.host.talos_kernel,
                initrd=args.host.talos_initramfs,
                arguments=_ARGUMENTS,
                flags=_FLAGS,
                disk=disk.id,
                pool=args.host.folder,
                cdrom=args.host.talos_iso,
                cards=[Card(port=args.lan, mac=node.lan.mac)],
            ),
            opts=here,
        )
        # Before it is configured, a lease is all that a node has, and leases are of IPv4.
        address = str(node.lan.ip(Family.IPV4))
        self.applied = talos.machine.ConfigurationApply(
            f"{name}-configuration",
            node=address,
            endpoint=address,
            client_configuration=talos.machine.ClientConfigurationArgs(
                **talos_client.client_fields(args.secrets)
            ),
            machine_configuration_input=talos_client.configuration(
                parent=self,
                cluster=args.cluster,
                endpoint=args.endpoint,
                role=node.role.value,
                secrets=args.secrets,
                image=settings.talos_image,
                kubernetes_version=settings.talos.kubernetes,
                patches=[
                    args.artifacts.machine_patch,
                    install_patch(settings.talos_image),
                ],
            ),
            # No timeouts: with them the plugin cannot go on from a run that failed (#208, #252).
            opts=pulumi.ResourceOptions(
                parent=self,
                depends_on=[self.domain, *args.routers],
                deleted_with=self.domain,
                replace_with=[disk],
                additional_secret_outputs=[
                    "client_configuration",
                    "machine_configuration",
                    "machine_configuration_input",
                ],
            ),
        )
        self.register_outputs({"address": address})
