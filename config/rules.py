"""What must hold between settings, beyond each field on its own."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from functools import partial

from config import asns, egress_rules, family_rules, service_rules
from config.addressing import OWN_LAN, Addressing, positions, second_peering_field
from config.duplicates import duplicates
from config.errors import ConfigurationError, Problem, raised
from config.families import Network
from config.load_balancing import AddressType
from config.observability import Discovery, Observability
from config.schema import Datacentre, Fabric, Substrate
from config.settings import Settings

#: The sizes of an etcd cluster that can lose members and keep a majority, and 1.
CONTROLPLANE_COUNTS = (1, 3, 5)


def problems(settings: Settings) -> list[Problem]:
    """Every rule that the settings break, in the order of the rules below."""
    fabric = settings.fabric
    addressings = [Addressing(fabric, family) for family in fabric.families]
    return [
        *duplicates(list(positions(fabric)), "datacentre"),
        *family_rules.problems(settings),
        *_ranges_that_end(addressings),
        *(problem for addressing in addressings for problem in _overlaps(addressing)),
        *_as_numbers(fabric),
        *_controlplanes(fabric),
        *_timers(fabric),
        *_bfd(fabric),
        *service_rules.problems(settings),
        *egress_rules.problems(settings),
        *_passwords(settings),
        *_rotations(settings),
        *_limits(fabric),
        *_pods(fabric),
        *_shared_networks(settings),
        *_observability(fabric.observability),
    ]


def _ranges_that_end(addressings: Sequence[Addressing]) -> Iterator[Problem]:
    """Asks the address plans for the outermost addresses of each datacentre."""
    return raised(
        ask
        for addressing in addressings
        for _, datacentre in positions(addressing.fabric)
        for ask in _outermost(addressing, datacentre)
    )


def _outermost(addressing: Addressing, datacentre: Datacentre) -> Iterator[Callable[[], object]]:
    on_router = (
        addressing.router_on_lan,
        addressing.router_on_peering,
        addressing.router_on_second_peering,
        addressing.router_on_wan,
    )
    for question in on_router:
        yield partial(question, datacentre, datacentre.routers)
    yield partial(addressing.pods, datacentre)
    for hosts in (addressing.controlplane_hosts(datacentre), addressing.worker_hosts(datacentre)):
        if hosts:
            yield partial(addressing.node, datacentre, hosts[-1])
            yield partial(addressing.pod_cidr, datacentre, hosts[-1])


def _overlaps(addressing: Addressing) -> Iterator[Problem]:
    fabric, ranges = addressing.fabric, addressing.ranges
    named = [
        (ranges.field(name), getattr(ranges, name))
        for name in ("pods", "services", "vips", "egress", "peering", "wan")
    ]
    if second := fabric.redundancy.second_peering_of(addressing.family):
        named.append((second_peering_field(addressing.family), second))
    if AddressType.EXTERNAL_IP in fabric.load_balancing.announce:
        services = fabric.load_balancing.in_family(addressing.family)
        named.append((services.field("external_ips"), services.external_ips))
    shared = list(named)
    if any(datacentre.own_lan(addressing.family) is None for datacentre in fabric.datacentres):
        named.append((ranges.field("lans"), ranges.lans))
    lans = list(_lans(addressing))
    yield from _overlapping(itertools.combinations(named, 2))
    explicit = [(field, lan) for field, lan in lans if field.endswith("lan")]
    yield from _overlapping(itertools.product(explicit, shared))
    drawn = [item for item in lans if item not in explicit]
    yield from _overlapping(itertools.combinations(explicit, 2))
    yield from _overlapping(itertools.product(explicit, drawn))


_Named = tuple[str, Network]


def _lans(addressing: Addressing) -> Iterator[_Named]:
    own_field = OWN_LAN[addressing.family]
    for field, datacentre in positions(addressing.fabric):
        with suppress(ConfigurationError):  # named by the rule on ranges that end
            is_own = datacentre.own_lan(addressing.family) is not None
            yield f"{field}.{own_field}" if is_own else field, addressing.lan(datacentre)


def _overlapping(pairs: Iterable[tuple[_Named, _Named]]) -> Iterator[Problem]:
    for (field, network), (other_field, other) in pairs:
        if network.overlaps(other):
            yield Problem(
                field, network, f"overlaps {other_field} {other}", "move one of them elsewhere"
            )


def _as_numbers(fabric: Fabric) -> Iterator[Problem]:
    """A node's routes carry its AS; a router of the same AS would take them for its own."""
    cluster_numbers: dict[int, str] = {}
    for field, datacentre in positions(fabric):
        own = datacentre.cluster_asn is not None
        cluster_numbers.setdefault(
            asns.cluster_asn(fabric, datacentre),
            f"{field}.cluster_asn" if own else "fabric.asns.cluster",
        )
    reported: Counter[str] = Counter()
    for field, datacentre in positions(fabric):
        number = asns.router_asn(fabric, datacentre)
        where = f"{field}.router_asn" if datacentre.router_asn else "fabric.asns.routers"
        if number in cluster_numbers and not reported[where]:
            reported[where] += 1
            yield Problem(
                where,
                number,
                f"is also {cluster_numbers[number]}",
                "use different AS numbers for routers and cluster, or BGP drops the routes "
                "as loops (RFC 4271, section 9.1.2)",
            )


def _controlplanes(fabric: Fabric) -> Iterator[Problem]:
    count = sum(datacentre.nodes.controlplanes for datacentre in fabric.datacentres)
    if count not in CONTROLPLANE_COUNTS:
        yield Problem(
            "fabric.datacentres[].nodes.controlplanes",
            count,
            "in all is no size for etcd",
            "have 1, 3 or 5 in the whole fabric",
        )


def _timers(fabric: Fabric) -> Iterator[Problem]:
    timers = fabric.timers
    if timers.keepalive_time * 3 > timers.hold_time:
        yield Problem(
            "fabric.timers.keepalive_time",
            timers.keepalive_time,
            f"is more than a third of hold_time {timers.hold_time}",
            f"write {timers.hold_time // 3} or less (RFC 4271, section 4.4)",
        )


def _bfd(fabric: Fabric) -> Iterator[Problem]:
    """BFD that is slower than BGP itself would find out nothing."""
    bfd, hold_time = fabric.redundancy.bfd, fabric.timers.hold_time
    if bfd.enabled and bfd.detection_time_ms >= hold_time * 1000:
        yield Problem(
            "fabric.redundancy.bfd.interval_ms",
            bfd.interval_ms,
            f"times multiplier {bfd.multiplier} is no less than timers.hold_time, {hold_time} s",
            "shorten it, or write enabled: false",
        )


def _pods(fabric: Fabric) -> Iterator[Problem]:
    for ranges in fabric.ranges:
        length = ranges.node_pods_prefix_length
        room = ranges.most_pods
        if fabric.twin.pods_per_node > room:
            yield Problem(
                "fabric.twin.pods_per_node",
                fabric.twin.pods_per_node,
                f"is more than the {room} that a /{length} has room for",
                f"have fewer, or shorten {ranges.field('node_pods_prefix_length')}",
            )


def _passwords(settings: Settings) -> Iterator[Problem]:
    names = [datacentre.name for datacentre in settings.fabric.datacentres]
    for name in settings.passwords.datacentres:
        if name not in names:
            yield Problem(
                f"passwords.datacentres.{name}",
                None,
                "is for no datacentre of the fabric",
                f"use one of {', '.join(names)}",
            )


def _rotations(settings: Settings) -> Iterator[Problem]:
    """What is written must be about a password that is made, or rotating it would do nothing."""
    rotations, given = settings.fabric.security.rotations, settings.passwords
    names = [datacentre.name for datacentre in settings.fabric.datacentres]
    for name, number in rotations.datacentres.items():
        field = f"fabric.security.rotations.datacentres.{name}"
        if name not in names:
            remedy = f"use one of {', '.join(names)}"
            yield Problem(field, None, "is for no datacentre of the fabric", remedy)
        elif name in given.datacentres:
            yield _not_made(field, number, f"passwords.datacentres.{name}")
    if rotations.peering > 1 and given.peering is not None:
        yield _not_made("fabric.security.rotations.peering", rotations.peering, "passwords.peering")


def _not_made(field: str, number: int, given: str) -> Problem:
    return Problem(
        field, number, f"changes nothing, since {given} is given", "remove one, or change the other"
    )


def _limits(fabric: Fabric) -> Iterator[Problem]:
    """Whatever is imported has been received."""
    for name in ("node_limits", "router_limits"):
        limits = getattr(fabric.security, name)
        if limits.received < limits.imported:
            yield Problem(
                f"fabric.security.{name}.received",
                limits.received,
                f"is less than imported {limits.imported}",
                f"write {limits.imported} or more",
            )


def _shared_networks(settings: Settings) -> Iterator[Problem]:
    """Libvirt's own networks end at their host: several hosts need bridges that join them."""
    if settings.substrate is not Substrate.LIBVIRT:
        return
    libvirt = settings.libvirt
    apart = [
        field
        for field, datacentre in positions(settings.fabric)
        if datacentre.libvirt_uri not in (None, libvirt.uri)
    ]
    bridges = {"wan": libvirt.wan.bridge, "peering": libvirt.peering.bridge}
    if any(map(settings.fabric.redundancy.second_peering_of, settings.fabric.families)):
        bridges["second_peering"] = libvirt.second_peering.bridge
    for name, bridge in bridges.items():
        if apart and bridge is None:
            yield Problem(
                f"libvirt.{name}.bridge",
                None,
                f"is not given, and {apart[0]} is on another host than libvirt.uri",
                f"name the bridge that is the {name} network on each host",
            )


def _observability(wanted: Observability) -> Iterator[Problem]:
    """Settings that would do nothing by themselves, since what they are about is off."""
    here = "fabric.observability"
    monitors = wanted.discovery is Discovery.SERVICE_MONITORS
    if wanted.hubble.ui and not wanted.hubble.relay:
        yield Problem(
            f"{here}.hubble.ui", "true", "gets its flows from the relay", "add hubble.relay: true"
        )
    if wanted.readers and not wanted.routers:
        yield Problem(
            f"{here}.readers", None, "would find nothing to read", "add routers: true, or drop it"
        )
    if monitors and not wanted.is_on:
        yield Problem(
            f"{here}.discovery",
            wanted.discovery,
            "has nothing to discover",
            "turn on routers, cilium or hubble.metrics, or drop it",
        )
    elif monitors and wanted.namespace is None:
        yield Problem(
            f"{here}.discovery",
            wanted.discovery,
            "needs the namespace that the Prometheus operator watches",
            "add namespace: monitoring, or whatever it is called",
        )
    if wanted.namespace is not None and not wanted.is_on:
        yield Problem(
            f"{here}.namespace",
            wanted.namespace,
            "would get a dashboard and rules of nothing",
            "turn on routers, cilium or hubble.metrics, or drop it",
        )
    if wanted.labels and wanted.namespace is None:
        yield Problem(
            f"{here}.labels", None, "are of objects that are not made", "add namespace, or drop it"
        )
