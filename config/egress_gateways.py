"""The egress gateways of a fabric: which node of a datacentre, by which addresses, for whom."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from config.addressing import Addressing
from config.egress import Gateway as Settings
from config.errors import refused
from config.families import (
    EVERYWHERE,
    Address,
    Family,
    Network,
    family_of,
    find,
    is_within,
    single,
)
from config.machines import Role, Site, node_name
from config.schema import Datacentre, Fabric

FIELD = "fabric.egress_gateway"


@dataclass(frozen=True, slots=True)
class Gateway:
    """A node of a datacentre, and the addresses by which the datacentre's selected pods leave.

    There is one in each family of the destinations.
    """

    datacentre: str
    node: str
    addresses: tuple[Address, ...]

    @property
    def routes(self) -> tuple[Network, ...]:
        """What the node announces."""
        return tuple(single(address) for address in self.addresses)

    def address(self, family: Family) -> Address | None:
        """The address in this family; None: pods leave in it as all others do."""
        return find(family, self.addresses)

    def route(self, family: Family) -> Network | None:
        """What the node announces in this family."""
        address = self.address(family)
        return None if address is None else single(address)


@dataclass(frozen=True, slots=True)
class Egress:
    """What is decided of egress gateways. `gateways` are of the datacentres that have nodes.

    Pods with the labels of `selector` leave to `destinations` by a gateway, but for those in
    `excluded`, which are the fabric's own. `families` are those of the destinations.
    """

    selector: Mapping[str, str]
    families: tuple[Family, ...]
    destinations: tuple[Network, ...]
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
    families = egress_families(fabric)
    inside = (*own_ranges(fabric), *announced)
    return Egress(
        selector=settings.selector,
        families=families,
        destinations=destinations(fabric),
        excluded=tuple(dict.fromkeys(n for n in inside if family_of(n) in families)),
        gateways=tuple(
            gateway(fabric, datacentre)
            for site in sites
            for datacentre in fabric.datacentres
            if datacentre.name == site.name and site.nodes
        ),
    )


def destinations(fabric: Fabric) -> tuple[Network, ...]:
    """Where selected pods leave to by gateways: what is given, or everywhere in each family."""
    given = fabric.egress_gateway.destinations if fabric.egress_gateway else None
    return tuple(EVERYWHERE[family] for family in fabric.families) if given is None else given


def egress_families(fabric: Fabric) -> tuple[Family, ...]:
    """The families of the destinations, in the fabric's order."""
    found = {family_of(destination) for destination in destinations(fabric)}
    return tuple(family for family in fabric.families if family in found)


def own_ranges(fabric: Fabric) -> Iterator[Network]:
    """Where every pod goes as itself: all of the fabric but the WAN, which is the way out."""
    for ranges in fabric.ranges:
        yield from (ranges.lans, ranges.pods, ranges.services)
        yield from (ranges.vips, ranges.egress, ranges.peering)
        if second := fabric.redundancy.second_peering_of(ranges.family):
            yield second
        for datacentre in fabric.datacentres:
            lan = datacentre.own_lan(ranges.family)
            if lan is not None and not is_within(lan, ranges.lans):
                yield lan


def gateway(fabric: Fabric, datacentre: Datacentre) -> Gateway:
    """The gateway of a datacentre that has nodes. Raises `ConfigurationError`."""
    settings = _settings(fabric, datacentre)
    addresses = (
        settings.own_address(family) or Addressing(fabric, family).egress(datacentre)
        for family in egress_families(fabric)
    )
    return Gateway(datacentre.name, _node(datacentre, settings), tuple(addresses))


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
        raise refused(field, settings.node, "is no node of the datacentre", f"use one of {known}")
    if not datacentre.nodes.workers:
        reason = "is not given, and the datacentre has no worker to choose"
        raise refused(field, None, reason, f"name a control plane such as {names[0]}")
    return names[0]
