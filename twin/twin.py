"""The twin of a fabric as one component: segments, then routers, then nodes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import pulumi

from config.families import Address, Network, family_of, of
from config.machines import WAN_NETWORK, Nic, Node, Router, Site
from config.plan import Plan
from engine.opened import opened
from render.artifacts import Artifacts
from render.yaml_text import yaml_text
from twin import resources
from twin.cluster import Documents
from twin.resources import NicArgs, Seat

#: The machine on the WAN side. It holds the address that the routers use as their gateway.
WAN_HOST = "internet"
WAN_HOST_MAC = "02:40:00:00:00:00"


@dataclass(frozen=True, slots=True)
class TwinArgs:
    """What a twin is made of. `stack` begins the names of its namespaces."""

    stack: str
    plan: Plan
    artifacts: Artifacts
    passwords: Mapping[str, pulumi.Output[str]]


class Twin(pulumi.ComponentResource):
    """Every machine of the plan as a namespace that boots the machine's artifacts.

    `machines` are the resources by the machines' names, once they stand.
    """

    machines: Mapping[str, resources.Machine]

    def __init__(
        self, name: str, *, args: TwinArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("underlay:index:Twin", name, None, opts)
        self._name = name
        self._args = args
        self._neighbors = neighbors(args.plan)
        self._children = pulumi.ResourceOptions(parent=self)
        ground = resources.Ground(f"{name}-ground", stack=args.stack, opts=self._children)
        self._seat = Seat(args.stack, ground.owner)
        self._segments = {network: self._segment(network) for network in self._neighbors}
        self._documents = documents(args.plan, args.artifacts)
        self._cluster_resource = self._cluster()
        # Routers come first: their BIRDs wait before they dial, and meanwhile the rest is made.
        self.machines = {
            **{router.name: self._router(router) for router in args.plan.routers},
            **{
                node.name: self._node(site, node) for site in args.plan.sites for node in site.nodes
            },
            WAN_HOST: self._wan_host(),
        }
        self.register_outputs({})

    def _segment(self, network: str) -> resources.Segment:
        return resources.Segment(
            f"{self._name}-{network}", seat=self._seat, network=network, opts=self._children
        )

    def _router(self, router: Router) -> resources.Router:
        artifacts = self._args.artifacts.routers[router.name]
        return resources.Router(
            f"{self._name}-{router.name}",
            seat=self._seat,
            machine=router.name,
            nics=[self._nic(nic) for nic in router.nics],
            files=artifacts.files,
            secret_files={
                path: opened(sealed, self._args.passwords)
                for path, sealed in artifacts.secret_files.items()
            },
            opts=self._children,
        )

    def _cluster(self) -> resources.Cluster:
        return resources.Cluster(
            f"{self._name}-cluster",
            seat=self._seat,
            datacentres=self._documents,
            opts=self._children,
        )

    def _node(self, site: Site, node: Node) -> resources.Node:
        secret = self._args.artifacts.sites[site.name].secret
        return resources.Node(
            f"{self._name}-{node.name}",
            seat=self._seat,
            machine=node.name,
            datacentre=site.name,
            nics=[self._nic(node.lan)],
            machine_patch=self._args.artifacts.nodes[node.name].machine_patch,
            documents=self._documents[site.name].digest(),
            secret_manifests=(
                [opened(secret, self._args.passwords).apply(yaml_text)] if secret else []
            ),
            pods=self._args.plan.pods_per_node,
            opts=pulumi.ResourceOptions(parent=self, depends_on=[self._cluster_resource]),
        )

    def _wan_host(self) -> resources.Host:
        return resources.Host(
            f"{self._name}-{WAN_HOST}",
            seat=self._seat,
            machine=WAN_HOST,
            nics=[NicArgs(self._segments[WAN_NETWORK].id, WAN_HOST_MAC, {})],
            addresses=self._args.plan.wan_gateways,
            routes=wan_routes(self._args.plan),
            opts=self._children,
        )

    def _nic(self, nic: Nic) -> NicArgs:
        others = {
            address: mac for address, mac in self._neighbors[nic.network].items() if mac != nic.mac
        }
        return NicArgs(self._segments[nic.network].id, nic.mac, others)


def wan_routes(plan: Plan) -> dict[Network, Address]:
    """The host's ways to egress addresses, and to services' addresses where it may come in.

    It may where it is among `management`, to which routers are open on the WAN. The way is by a
    datacentre's first router: to a gateway's own, to services by any.
    """
    first = {router.datacentre: router for router in reversed(plan.routers)}
    egress = plan.egress_gateway.gateways if plan.egress_gateway else ()
    found: dict[Network, Address] = {
        route: first[gateway.datacentre].wan.ip(family_of(route))
        for gateway in egress
        for route in gateway.routes
    }
    for network, _ in plan.load_balancing.announced:
        own = of(family_of(network), plan.wan_gateways).ip
        if any(own in prefix for prefix in plan.management):
            found[network] = plan.routers[0].wan.ip(family_of(network))
    return found


def documents(plan: Plan, rendered: Artifacts) -> Mapping[str, Documents]:
    """What each datacentre that has nodes is told by the API server."""
    helm_values = yaml_text(rendered.helm_values)
    services = [item for of in rendered.demo for item in (of.service, *of.endpoint_slices)]
    everywhere = (*rendered.advertisements, *rendered.pools, *services)
    shared = [yaml_text(manifest) for manifest in everywhere]
    documents = {}
    for site in plan.sites:
        if of_site := rendered.sites.get(site.name):
            own = (
                of_site.cluster_config,
                *of_site.peer_configs,
                *filter(None, (rendered.nodes[node.name].bgp_override for node in site.nodes)),
                *of_site.egress_policies,
                *of_site.egress_pods,
            )
            documents[site.name] = Documents(
                helm_values=helm_values,
                manifests=[*(yaml_text(manifest) for manifest in own), *shared],
                nodes={node.name: yaml_text(rendered.nodes[node.name].node) for node in site.nodes},
            )
    return documents


def neighbors(plan: Plan) -> Mapping[str, Mapping[Address, str]]:
    """Who is on each network, by address, as far as that never changes.

    On the WAN that is the host alone: the routers there do not speak to each other. A gateway
    that routers take turns at has no fixed MAC.
    """
    found: dict[str, dict[Address, str]] = {
        **{network: {} for network in plan.peerings},
        WAN_NETWORK: {gateway.ip: WAN_HOST_MAC for gateway in plan.wan_gateways},
    }
    for router in plan.routers:
        for nic in router.peerings:
            found[nic.network] |= _macs([nic])
    for site in plan.sites:
        machines: list[Router | Node] = [*site.routers, *site.nodes]
        found[site.lan_network] = _macs(machine.lan for machine in machines)
        if not site.has_shared_gateway:
            mac = site.routers[0].lan.mac
            found[site.lan_network] |= {gateway.ip: mac for gateway in site.gateways}
    return found


def _macs(nics: Iterable[Nic]) -> dict[Address, str]:
    return {address.ip: nic.mac for nic in nics for address in nic.addresses}
