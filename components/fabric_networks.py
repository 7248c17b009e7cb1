"""The networks that all datacentres share: peering, a second of it or none, and the WAN."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import pulumi
import pulumi_libvirt as libvirt

from components.libvirt import Port
from components.libvirt_host import LibvirtHost
from config.families import of
from config.libvirt import Libvirt
from config.machines import PEERING_NETWORK, SECOND_PEERING_NETWORK, WAN_NETWORK
from config.plan import Plan


@dataclass(frozen=True, slots=True, kw_only=True)
class FabricNetworksArgs:
    """`label` begins the names of libvirt's objects. `host` is where networks are made."""

    label: str
    plan: Plan
    settings: Libvirt
    host: LibvirtHost


class FabricNetworks(pulumi.ComponentResource):
    """The networks as ports to plug routers into: bridges that exist, or networks made here.

    `peerings` are in the order of the routers' cards.

    The WAN made here has the host in it, at the gateway's address, with a route to what lies
    behind each router: so the host reaches nodes, pods and VIPs by their own addresses.
    """

    peerings: tuple[Port, ...]
    wan: Port

    def __init__(
        self, name: str, *, args: FabricNetworksArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("underlay:index:FabricNetworks", name, None, opts)
        here = pulumi.ResourceOptions(
            parent=self, provider=args.host.provider, delete_before_replace=True
        )
        bridges = {
            PEERING_NETWORK: args.settings.peering.bridge,
            SECOND_PEERING_NETWORK: args.settings.second_peering.bridge,
        }
        self.peerings = tuple(
            Port(bridge=bridge)
            if (bridge := bridges[network])
            else _closed(name, network, args, here)
            for network in args.plan.peerings
        )
        if args.settings.wan.bridge:
            self.wan = Port(bridge=args.settings.wan.bridge)
        else:
            wan = libvirt.Network(
                f"{name}-{WAN_NETWORK}",
                name=f"{args.label}-{WAN_NETWORK}",
                mode=args.settings.wan.mode,
                addresses=[str(ranges.wan) for ranges in args.plan.ranges],
                dhcp=libvirt.NetworkDhcpArgs(enabled=False),
                autostart=args.settings.autostart,
                routes=[
                    libvirt.NetworkRouteArgs(cidr=cidr, gateway=gateway)
                    for cidr, gateway in host_routes(args.plan)
                ],
                # Other routes would replace the network and take every router's WAN with it. A
                # datacentre that is added later is reached by the routes to the whole ranges.
                opts=pulumi.ResourceOptions.merge(
                    here, pulumi.ResourceOptions(ignore_changes=["routes"])
                ),
            )
            self.wan = Port(network_id=wan.id)
        self.register_outputs({})


def _closed(
    name: str, network: str, args: FabricNetworksArgs, opts: pulumi.ResourceOptions
) -> Port:
    """A network of libvirt's that leads nowhere else."""
    made = libvirt.Network(
        f"{name}-{network}",
        name=f"{args.label}-{network}",
        mode="none",
        autostart=args.settings.autostart,
        opts=opts,
    )
    return Port(network_id=made.id)


def host_routes(plan: Plan) -> Iterator[tuple[str, str]]:
    """The host's routes as (prefix, gateway): each datacentre through its own first router.

    The ranges as wholes go through the first router of all, which knows the way to whatever is
    added later, and to VIPs.
    """
    routes: dict[str, str] = {}
    for ranges in plan.ranges:
        family = ranges.family
        first = str(plan.sites[0].routers[0].wan.ip(family))
        routes |= {str(whole): first for whole in (ranges.lans, ranges.pods, ranges.vips)}
        for site in plan.sites:
            own = str(site.routers[0].wan.ip(family))
            routes |= {str(of(family, site.lans)): own, str(of(family, site.pod_ranges)): own}
    yield from routes.items()
