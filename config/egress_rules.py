"""What must hold between the settings of egress gateways, and between them and the rest."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from ipaddress import IPv4Address

from config.addressing import positions
from config.egress import EgressGateway
from config.egress_gateways import FIELD, gateway, own_ranges
from config.errors import ConfigurationError, Problem
from config.plan import make_plan
from config.schema import Fabric, Substrate
from config.settings import Settings

#: The first Cilium whose BGP announces the addresses of an interface.
_FIRST_CILIUM = (1, 19)


def problems(settings: Settings) -> Iterator[Problem]:
    """Every rule that the settings of egress gateways break."""
    fabric = settings.fabric
    if fabric.egress_gateway is None:
        return
    yield from _datacentres(fabric, fabric.egress_gateway)
    yield from _gateways(fabric)
    yield from _addresses(fabric, fabric.egress_gateway)
    yield from _destinations(fabric, fabric.egress_gateway)
    yield from _crowded_nodes(settings)
    yield from _cilium(settings)


def _datacentres(fabric: Fabric, egress: EgressGateway) -> Iterator[Problem]:
    """A gateway is for the pods of a datacentre that has some."""
    with_nodes = [d.name for d in fabric.datacentres if d.nodes.workers or d.nodes.controlplanes]
    for name in egress.gateways:
        if name not in with_nodes:
            yield Problem(
                f"{FIELD}.gateways.{name}",
                None,
                "is for no datacentre with nodes",
                f"use one of {', '.join(with_nodes)}",
            )


def _gateways(fabric: Fabric) -> Iterator[Problem]:
    """Asks the plan for each datacentre's gateway, and names an address that two have."""
    seen: dict[IPv4Address, str] = {}
    refused: set[str] = set()
    for _, datacentre in positions(fabric):
        if not (datacentre.nodes.workers or datacentre.nodes.controlplanes):
            continue
        try:
            found = gateway(fabric, datacentre)
        except ConfigurationError as error:
            yield from (p for p in error.problems if p.field not in refused)
            refused |= {problem.field for problem in error.problems}
            continue
        if found.address in seen:
            yield Problem(
                f"{FIELD}.gateways.{datacentre.name}.address",
                found.address,
                f"is also that of {seen[found.address]}",
                "give each datacentre its own",
            )
        seen.setdefault(found.address, datacentre.name)


def _addresses(fabric: Fabric, egress: EgressGateway) -> Iterator[Problem]:
    """Routers take egress addresses of the one range, and only those."""
    for name, settings in egress.gateways.items():
        field, address = f"{FIELD}.gateways.{name}.address", settings.address
        if address is not None and address not in fabric.egress:
            remedy = "use one of that, or enlarge fabric.egress"
            yield Problem(field, address, f"is not in fabric.egress {fabric.egress}", remedy)


def _destinations(fabric: Fabric, egress: EgressGateway) -> Iterator[Problem]:
    """Of two ranges the longer counts (Cilium's map of policies), so this would be NAT inside."""
    for position, destination in enumerate(egress.destinations):
        inside = next((r for r in own_ranges(fabric) if destination.subnet_of(r)), None)
        if inside is not None:
            yield Problem(
                f"{FIELD}.destinations[{position}]",
                destination,
                f"is in {inside}, which is the fabric's own and sees no translated address",
                "name what is beyond the WAN",
            )


def _crowded_nodes(settings: Settings) -> Iterator[Problem]:
    """On the twin, each node has a pod for this, beside the others."""
    with suppress(ConfigurationError):  # what cannot be planned is named by other rules
        tightest = min(settings.fabric.ranges, key=lambda ranges: ranges.most_pods)
        length, room = tightest.node_pods_prefix_length, tightest.most_pods
        count = make_plan(settings).pods_per_node
        if count == room + 1:
            yield Problem(
                FIELD,
                None,
                f"adds a pod to each of the twin's nodes, and a /{length} has room for {room}",
                f"have fewer others, or shorten {tightest.field('node_pods_prefix_length')}",
            )


def _cilium(settings: Settings) -> Iterator[Problem]:
    cilium = settings.libvirt.cilium
    if settings.substrate is not Substrate.LIBVIRT or cilium.chart is not None:
        return
    major, minor, *_ = cilium.version.split(".")
    if (int(major), int(minor)) < _FIRST_CILIUM:
        yield Problem(
            "libvirt.cilium.version",
            cilium.version,
            f"cannot announce egress addresses, and {FIELD} is given",
            "use 1.19 or later",
        )
