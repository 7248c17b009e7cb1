"""The egress gateways of a fabric: which node of a datacentre, by which address, for whom."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network

from config.addressing import Addressing
from config.egress import Gateway as Settings
from config.errors import ConfigurationError, Problem
from config.families import Network
from config.machines import Role, Site, node_name
from config.schema import Datacentre, Fabric

FIELD = "fabric.egress_gateway"


@dataclass(frozen=True, slots=True)
class Gateway:
    """A node of a datacentre, and the address by which the datacentre's selected pods leave."""

    datacentre: str
    node: str
    address: IPv4Address

    @property
    def route(self) -> IPv4Network:
        """What the node announces."""
        return IPv4Network(self.address)


@dataclass(frozen=True, slots=True)
class Egress:
    """What is decided of egress gateways. `gateways` are of the datacentres that have nodes.

    Pods with the labels of `selector` leave to `destinations` by a gateway, but for those in
    `excluded`, which are the fabric's own.
    """

    selector: Mapping[str, str]
    destinations: tuple[IPv4Network, ...]
    excluded: tuple[Network, ...]
    gateways: tuple[Gateway, ...]

    def of(self, datacentre: str) -> Gateway | None:
        """The datacentre's gateway."""
        return next((item for item in self.gateways if item.datacentre == datacentre), None)


def make_egress(
    fabric: Fabric, sites: Sequence[Site], announced: Sequence[Network]
) -> Egress | None:
    """Decide everything that follows from the settings; nothing where there are none.

    `announced` are the ranges of services' addresses. Raises `ConfigurationError`.
    """
    settings = fabric.egress_gateway
    if settings is None:
        return None
    return Egress(
        selector=settings.selector,
        destinations=settings.destinations,
        excluded=tuple(dict.fromkeys((*own_ranges(fabric), *announced))),
        gateways=tuple(
            gateway(fabric, datacentre)
            for site in sites
            for datacentre in fabric.datacentres
            if datacentre.name == site.name and site.nodes
        ),
    )


def own_ranges(fabric: Fabric) -> Iterator[IPv4Network]:
    """Where every pod goes as itself: all of the fabric but the WAN, which is the way out."""
    yield from (fabric.lans, fabric.pods, fabric.services)
    yield from (fabric.vips, fabric.egress, fabric.peering)
    if fabric.redundancy.second_peering is not None:
        yield fabric.redundancy.second_peering
    for datacentre in fabric.datacentres:
        if datacentre.lan is not None and not datacentre.lan.subnet_of(fabric.lans):
            yield datacentre.lan


def gateway(fabric: Fabric, datacentre: Datacentre) -> Gateway:
    """The gateway of a datacentre that has nodes. Raises `ConfigurationError`."""
    settings = _settings(fabric, datacentre)
    drawn = Addressing(fabric).egress(datacentre)
    address = settings.address or IPv4Address(drawn)
    return Gateway(datacentre.name, _node(datacentre, settings), address)


def node_names(datacentre: Datacentre) -> list[str]:
    """The datacentre's nodes, workers first: the order in which one is chosen."""
    workers = range(1, datacentre.nodes.workers + 1)
    controlplanes = range(1, datacentre.nodes.controlplanes + 1)
    return [
        *(node_name(datacentre.name, Role.WORKER, number) for number in workers),
        *(node_name(datacentre.name, Role.CONTROLPLANE, number) for number in controlplanes),
    ]


def _settings(fabric: Fabric, datacentre: Datacentre) -> Settings:
    named = fabric.egress_gateway.gateways if fabric.egress_gateway else {}
    return named.get(datacentre.name, Settings())


def _node(datacentre: Datacentre, settings: Settings) -> str:
    """The node that is named, or the first worker: others that are added leave it the gateway."""
    field, names = f"{FIELD}.gateways.{datacentre.name}.node", node_names(datacentre)
    if settings.node in names:
        return settings.node
    if settings.node is not None:
        known = ", ".join(names)
        raise _refused(field, settings.node, "is no node of the datacentre", f"use one of {known}")
    if not datacentre.nodes.workers:
        reason = "is not given, and the datacentre has no worker to choose"
        raise _refused(field, None, reason, f"name a control plane such as {names[0]}")
    return names[0]


def _refused(field: str, value: object, reason: str, remedy: str) -> ConfigurationError:
    return ConfigurationError([Problem(field, value, reason, remedy)])
