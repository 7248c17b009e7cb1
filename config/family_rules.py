"""What must hold between a fabric's families of addresses and its other settings."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import chain

from config.addressing import OWN_LAN, positions, second_peering_field
from config.egress_gateways import FIELD as EGRESS_GATEWAY
from config.errors import Problem
from config.families import Family, Network, family_of
from config.load_balancing import IN_EACH_FAMILY, LoadBalancing
from config.ranges import LENGTHS, RANGES
from config.redundancy import SECOND_PEERING, SECOND_PEERING_EXAMPLE
from config.scalars import OWN_ADDRESS
from config.schema import Fabric, Substrate
from config.settings import Settings

#: The most bits for addresses that the API server takes a range of services with
#: (Kubernetes, kube-apiserver's validation of --service-cluster-ip-range).
_MOST_SERVICE_BITS = 20

#: How much longer a node's PodCIDR may be than the range that it is from (Kubernetes, kubeadm's
#: and the node IPAM controller's validation). IPv4 is let alone: here nothing allocates.
_MOST_NODE_BITS = 16


def problems(settings: Settings) -> Iterator[Problem]:
    """Every such rule that the settings break."""
    fabric = settings.fabric
    yield from _of_absent_families(fabric)
    yield from _prefixes_of_either(fabric)
    yield from _second_peering(fabric)
    yield from _egress_gateways(fabric)
    yield from _names(fabric)
    yield from _limits_of_kubernetes(fabric)
    yield from _libvirt(settings)


def _of_absent_families(fabric: Fabric) -> Iterator[Problem]:
    """Settings for a family that the fabric has not would be forgotten without a word."""
    for family in Family:
        if family in fabric.families:
            continue
        holder = fabric if family is Family.IPV4 else fabric.ipv6
        defaults = type(holder).model_fields
        for name in (*RANGES, *LENGTHS):
            value = getattr(holder, name)
            if value != defaults[name].default:
                yield _absent(fabric, fabric.ranges_of(family).field(name), value, family)
        yield from _of_absent_services(fabric, family)
        for field, datacentre in positions(fabric):
            if lan := datacentre.own_lan(family):
                yield _absent(fabric, f"{field}.{OWN_LAN[family]}", lan, family)
        gateways = fabric.egress_gateway.gateways if fabric.egress_gateway else {}
        for name, gateway in gateways.items():
            if address := gateway.own_address(family):
                field = f"{EGRESS_GATEWAY}.gateways.{name}.{OWN_ADDRESS[family]}"
                yield _absent(fabric, field, address, family)


def _of_absent_services(fabric: Fabric, family: Family) -> Iterator[Problem]:
    settings = fabric.load_balancing
    own = settings.in_family(family)
    defaults = LoadBalancing().in_family(family)
    for name in IN_EACH_FAMILY:
        value = getattr(own, name)
        if value != getattr(defaults, name):
            yield _absent(fabric, own.field(name), value, family)
    for position, service in enumerate(settings.demo):
        if wanted := service.own_address(family):
            field = f"fabric.load_balancing.demo[{position}].{OWN_ADDRESS[family]}"
            yield _absent(fabric, field, wanted, family)


def _prefixes_of_either(fabric: Fabric) -> Iterator[Problem]:
    egress = fabric.egress_gateway
    named: dict[str, Sequence[Network]] = {
        "fabric.management": fabric.management or (),
        "fabric.observability.readers": fabric.observability.readers,
        f"{EGRESS_GATEWAY}.destinations": (egress.destinations if egress else None) or (),
    }
    for field, prefixes in named.items():
        for position, prefix in enumerate(prefixes):
            if (family := family_of(prefix)) not in fabric.families:
                yield _absent(fabric, f"{field}[{position}]", prefix, family)


def _second_peering(fabric: Fabric) -> Iterator[Problem]:
    """A network without a range of one family would lack that family's sessions."""
    given = {family: fabric.redundancy.second_peering_of(family) for family in Family}
    for family, network in given.items():
        field = second_peering_field(family)
        if network is not None and family not in fabric.families:
            yield _absent(fabric, field, network, family)
        elif network is None and family in fabric.families and any(given.values()):
            other = next(SECOND_PEERING[other] for other, found in given.items() if found)
            yield Problem(
                field,
                None,
                f"is not given, and {other} is, so the network lacks {family.label}",
                f"write a prefix such as {SECOND_PEERING_EXAMPLE[family]}, or leave both out",
            )


def _egress_gateways(fabric: Fabric) -> Iterator[Problem]:
    """Cilium's tunnel to gateways is of IPv4, whatever is in it, and its agent refuses to start.

    It wants `enable-ipv4-masquerade`, which counts only with IPv4, and an underlay of IPv4 (Cilium
    1.20, pkg/egressgateway/manager.go and pkg/option/config.go).
    """
    if Family.IPV4 not in fabric.families and fabric.egress_gateway is not None:
        yield Problem(
            EGRESS_GATEWAY,
            None,
            "needs IPv4, by which Cilium carries packets of either family to a gateway",
            "leave it out, or write families: [ipv6, ipv4]",
        )


def _absent(fabric: Fabric, field: str, value: object, family: Family) -> Problem:
    return Problem(
        field,
        value,
        f"is {family.label}, which the fabric has not",
        f"leave it out, or write families: [{', '.join(chain(fabric.families, [family]))}]",
    )


def _names(fabric: Fabric) -> Iterator[Problem]:
    """A datacentre's objects of IPv6 are in the cluster under its name with this ending."""
    if Family.IPV6 not in fabric.families:
        return
    names = {datacentre.name for datacentre in fabric.datacentres}
    for field, datacentre in positions(fabric):
        other = datacentre.name.removesuffix(f"-{Family.IPV6}")
        if other != datacentre.name and other in names:
            yield Problem(
                f"{field}.name",
                datacentre.name,
                f"is what objects of {other} are called in IPv6",
                "give it another name",
            )


def _limits_of_kubernetes(fabric: Fabric) -> Iterator[Problem]:
    for ranges in fabric.ranges:
        length = ranges.services.max_prefixlen
        if length - ranges.services.prefixlen > _MOST_SERVICE_BITS:
            yield Problem(
                ranges.field("services"),
                ranges.services,
                "is larger than Kubernetes takes",
                f"use a /{length - _MOST_SERVICE_BITS} or smaller",
            )
        apart = ranges.node_pods_prefix_length - ranges.pods.prefixlen
        if ranges.family is Family.IPV6 and apart > _MOST_NODE_BITS:
            yield Problem(
                ranges.field("node_pods_prefix_length"),
                ranges.node_pods_prefix_length,
                f"is {apart} bits longer than {ranges.field('pods')} {ranges.pods}, and "
                f"Kubernetes takes {_MOST_NODE_BITS}",
                f"write {ranges.pods.prefixlen + _MOST_NODE_BITS} or less, or use fewer pods",
            )


def _libvirt(settings: Settings) -> Iterator[Problem]:
    """A node has no configuration at first, and its first address is a DHCPv4 lease."""
    if settings.substrate is not Substrate.LIBVIRT or not settings.libvirt.cluster:
        return
    if Family.IPV4 not in settings.fabric.families:
        yield Problem(
            "fabric.families",
            f"[{', '.join(settings.fabric.families)}]",
            "leaves nodes on libvirt without the IPv4 address by which they are configured",
            "write [ipv6, ipv4], or libvirt.cluster: false for routers alone",
        )
