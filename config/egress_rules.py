"""What must hold between the settings of egress gateways, and between them and the rest."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress

from config.addressing import positions
from config.egress import EgressGateway
from config.egress_gateways import FIELD, destinations, egress_families, gateway, own_ranges
from config.errors import ConfigurationError, Problem
from config.families import Address, Family, family_of, is_within
from config.plan import make_plan
from config.scalars import OWN_ADDRESS
from config.schema import Fabric, Substrate
from config.settings import Settings

#: The first Cilium whose BGP announces the addresses of an interface, and the first whose policies
#: take an egress address of IPv6 (its CRD of 1.19 has `egressIP` with `format: ipv4`).
_FIRST_CILIUM, _FIRST_CILIUM_WITH_IPV6 = (1, 19), (1, 20)


def problems(settings: Settings) -> Iterator[Problem]:
    """Every rule that the settings of egress gateways break."""
    fabric = settings.fabric
    if fabric.egress_gateway is None:
        return
    yield from _datacentres(fabric, fabric.egress_gateway)
    yield from _gateways(fabric)
    yield from _addresses(fabric, fabric.egress_gateway)
    yield from _destinations(fabric)
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
    seen: dict[Address, str] = {}
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
        for address in found.addresses:
            if address in seen:
                yield Problem(
                    f"{FIELD}.gateways.{datacentre.name}.{OWN_ADDRESS[family_of(address)]}",
                    address,
                    f"is also that of {seen[address]}",
                    "give each datacentre its own",
                )
            seen.setdefault(address, datacentre.name)


def _addresses(fabric: Fabric, egress: EgressGateway) -> Iterator[Problem]:
    """Routers take egress addresses of the one range, and only those."""
    families = egress_families(fabric)
    for ranges in fabric.ranges:
        family, within = ranges.family, ranges.field("egress")
        for name, settings in egress.gateways.items():
            field = f"{FIELD}.gateways.{name}.{OWN_ADDRESS[family]}"
            address = settings.own_address(family)
            if address is not None and family not in families:
                remedy = f"leave it out, or add a destination of {family.label}"
                yield Problem(field, address, f"is {family.label}, and no destination is", remedy)
            elif address is not None and address not in ranges.egress:
                remedy = f"use one of that, or enlarge {within}"
                yield Problem(field, address, f"is not in {within} {ranges.egress}", remedy)


def _destinations(fabric: Fabric) -> Iterator[Problem]:
    """Of two ranges the longer counts (Cilium's map of policies), so this would be NAT inside."""
    own = list(own_ranges(fabric))
    for position, destination in enumerate(destinations(fabric)):
        inside = next((network for network in own if is_within(destination, network)), None)
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
        tightest = settings.fabric.tightest_ranges
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
    has_cilium = settings.substrate is Substrate.LIBVIRT and settings.libvirt.cluster
    if not has_cilium or cilium.chart is not None:
        return
    major, minor, *_ = cilium.version.split(".")
    if (int(major), int(minor)) < _FIRST_CILIUM:
        yield Problem(
            "libvirt.cilium.version",
            cilium.version,
            f"cannot announce egress addresses, and {FIELD} is given",
            "use 1.19 or later",
        )
    elif (
        Family.IPV6 in egress_families(settings.fabric)
        and (int(major), int(minor)) < _FIRST_CILIUM_WITH_IPV6
    ):
        yield Problem(
            "libvirt.cilium.version",
            cilium.version,
            f"takes no egress address of IPv6, and {FIELD} has destinations of it",
            "use 1.20.0, or write destinations of IPv4 alone, such as [0.0.0.0/0]",
        )
