"""A datacentre: its LAN, its routers, its nodes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import pulumi
import pulumi_libvirt as libvirt

from components.fabric_networks import FabricNetworks
from components.libvirt import Port
from components.libvirt_host import LibvirtHost
from components.openwrt_router import OpenWrtRouter, OpenWrtRouterArgs
from components.ssh_key import SshKey
from components.talos_cluster import ClusterIdentity
from components.talos_node import TalosNode, TalosNodeArgs
from config.libvirt import Libvirt
from config.machines import Site
from config.plan import Plan
from render.artifacts import Artifacts


@dataclass(frozen=True, slots=True, kw_only=True)
class DatacenterArgs:
    """A planned datacentre, and where it runs.

    `identity` is the cluster that its nodes join; without one it has routers alone.
    """

    label: str
    plan: Plan
    site: Site
    artifacts: Artifacts
    passwords: Mapping[str, pulumi.Output[str]]
    settings: Libvirt
    host: LibvirtHost
    networks: FabricNetworks
    management: SshKey
    identity: ClusterIdentity | None


class Datacenter(pulumi.ComponentResource):
    """Everything of one datacentre. `routers` and `nodes` are by the machines' names."""

    routers: Mapping[str, OpenWrtRouter]
    nodes: Mapping[str, TalosNode]

    def __init__(
        self, name: str, *, args: DatacenterArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("underlay:index:Datacenter", name, None, opts)
        own = pulumi.ResourceOptions(parent=self)
        lan = libvirt.Network(
            f"{name}-lan",
            name=f"{args.label}-{args.site.lan_network}",
            mode="none",
            autostart=args.settings.autostart,
            opts=pulumi.ResourceOptions(
                parent=self, provider=args.host.provider, delete_before_replace=True
            ),
        )
        port = Port(network_id=lan.id)
        self.routers = {
            router.name: OpenWrtRouter(
                f"{name}-router{router.number}",
                args=OpenWrtRouterArgs(
                    label=args.label,
                    plan=args.plan,
                    router=router,
                    artifacts=args.artifacts.routers[router.name],
                    passwords=args.passwords,
                    settings=args.settings,
                    host=args.host,
                    management=args.management,
                    lan=port,
                    wan=args.networks.wan,
                    peerings=args.networks.peerings,
                ),
                opts=own,
            )
            for router in args.site.routers
        }
        self.nodes = {}
        if args.identity is not None:
            self.nodes = {
                node.name: TalosNode(
                    f"{name}-{node.name.removeprefix(args.site.name + '-')}",
                    args=TalosNodeArgs(
                        label=args.label,
                        node=node,
                        artifacts=args.artifacts.nodes[node.name],
                        settings=args.settings,
                        host=args.host,
                        lan=port,
                        cluster=args.plan.cluster,
                        endpoint=args.identity.endpoint,
                        secrets=args.identity.secrets,
                        routers=list(self.routers.values()),
                    ),
                    opts=own,
                )
                for node in args.site.nodes
            }
        self.register_outputs({})
