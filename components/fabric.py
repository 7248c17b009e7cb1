"""The whole fabric on libvirt as one component."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import pulumi
import pulumiverse_talos as talos

from components.cilium_bgp import CiliumBgp, CiliumBgpArgs
from components.datacenter import Datacenter, DatacenterArgs
from components.fabric_networks import FabricNetworks, FabricNetworksArgs
from components.libvirt_host import LibvirtHost, LibvirtHostArgs
from components.ssh_key import SshKey
from components.talos_cluster import (
    ClusterIdentity,
    ClusterIdentityArgs,
    TalosCluster,
    TalosClusterArgs,
)
from config.libvirt import Libvirt
from config.plan import Plan
from images.resources import TalosBoot
from render.artifacts import Artifacts


@dataclass(frozen=True, slots=True, kw_only=True)
class FabricArgs:
    """What a fabric is made of.

    `label` begins the names of whatever is made on hosts, so that stacks can stand side by side.
    `hosts` has the URI of each datacentre that is not on `settings.uri`, by its name.
    """

    label: str
    plan: Plan
    artifacts: Artifacts
    passwords: Mapping[str, pulumi.Output[str]]
    settings: Libvirt
    hosts: Mapping[str, str]


class Fabric(pulumi.ComponentResource):
    """Hosts, the shared networks, the datacentres, and the cluster across them.

    `management` is the key that the routers let in. `kubeconfig` and `talosconfig` are secrets;
    None, as `cilium` is, where there is no cluster.
    """

    datacenters: Mapping[str, Datacenter]
    management: SshKey
    cilium: CiliumBgp | None = None
    kubeconfig: pulumi.Output[str] | None = None
    talosconfig: pulumi.Output[str] | None = None

    def __init__(
        self, name: str, *, args: FabricArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("underlay:index:Fabric", name, None, opts)
        self._name = name
        self._args = args
        own = pulumi.ResourceOptions(parent=self)
        boot = None
        if args.settings.cluster:
            boot = TalosBoot(f"{name}-talos", image=args.settings.talos_image, opts=own)
        home = self._host(f"{name}-host", args.label, args.settings.uri, boot)
        hosts = {
            site: self._host(f"{name}-host-{site}", f"{args.label}-{site}", uri, boot)
            for site, uri in args.hosts.items()
        }
        self.management = SshKey(
            f"{name}-management-key", comment=f"{args.label} management", opts=own
        )
        networks = FabricNetworks(
            f"{name}-networks",
            args=FabricNetworksArgs(
                label=args.label, plan=args.plan, settings=args.settings, host=home
            ),
            opts=own,
        )
        identity = None
        through_talos = own
        if args.settings.cluster:
            provider = talos.Provider(f"{name}-talos-provider", opts=own)
            through_talos = pulumi.ResourceOptions(parent=self, providers={"talos": provider})
            identity = ClusterIdentity(
                f"{name}-identity",
                args=ClusterIdentityArgs(plan=args.plan, settings=args.settings),
                opts=through_talos,
            )
        self.datacenters = {
            site.name: Datacenter(
                f"{name}-{site.name}",
                args=DatacenterArgs(
                    label=args.label,
                    plan=args.plan,
                    site=site,
                    artifacts=args.artifacts,
                    passwords=args.passwords,
                    settings=args.settings,
                    host=hosts.get(site.name, home),
                    networks=networks,
                    management=self.management,
                    identity=identity,
                ),
                opts=through_talos,
            )
            for site in args.plan.sites
        }
        if identity is not None:
            self._cluster(identity, through_talos)
        self.register_outputs({})

    def _host(self, name: str, label: str, uri: str, boot: TalosBoot | None) -> LibvirtHost:
        return LibvirtHost(
            name,
            args=LibvirtHostArgs(label=label, uri=uri, settings=self._args.settings, talos=boot),
            opts=pulumi.ResourceOptions(parent=self),
        )

    def _cluster(self, identity: ClusterIdentity, opts: pulumi.ResourceOptions) -> None:
        nodes = {
            name: node
            for datacenter in self.datacenters.values()
            for name, node in datacenter.nodes.items()
        }
        cluster = TalosCluster(
            f"{self._name}-cluster",
            args=TalosClusterArgs(plan=self._args.plan, identity=identity, nodes=nodes),
            opts=opts,
        )
        self.cilium = CiliumBgp(
            f"{self._name}-cilium",
            args=CiliumBgpArgs(
                plan=self._args.plan,
                artifacts=self._args.artifacts,
                passwords=self._args.passwords,
                settings=self._args.settings.cilium,
                identity=f"{self._args.label}-{self._args.plan.cluster}",
                kubeconfig=cluster.kubeconfig,
                gone_with=cluster.bootstrap,
            ),
            opts=pulumi.ResourceOptions(parent=self),
        )
        self.kubeconfig = cluster.kubeconfig
        self.talosconfig = identity.talosconfig
