"""What must hold between the settings of services, and between them and the rest."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from functools import partial

from config.addressing import Addressing
from config.duplicates import duplicates
from config.errors import ConfigurationError, Problem, raised
from config.families import Address
from config.load_balancing import AddressType, DemoService, TrafficPolicy
from config.plan import make_plan
from config.scalars import OWN_ADDRESS
from config.schema import Fabric, PodRoutes
from config.service_addressing import ServiceAddressing
from config.settings import Settings

_FIELD = "fabric.load_balancing"


def problems(settings: Settings) -> Iterator[Problem]:
    """Every rule that the settings of services break."""
    fabric = settings.fabric
    addressings = [ServiceAddressing(fabric, family) for family in fabric.families]
    yield from _announced_twice(fabric)
    for addressing in addressings:
        yield from _aggregation(addressing)
    yield from duplicates(list(_demo(fabric)), "service")
    yield from _addresses(addressings)
    for field, service in _demo(fabric):
        yield from _datacentre(fabric, field, service)
        for addressing in addressings:
            yield from _requested(addressing, field, service)
    yield from _unreachable_pods(fabric)
    yield from _crowded_nodes(settings)


def _demo(fabric: Fabric) -> Iterator[tuple[str, DemoService]]:
    for position, service in enumerate(fabric.load_balancing.demo):
        yield f"{_FIELD}.demo[{position}]", service


def _announced_twice(fabric: Fabric) -> Iterator[Problem]:
    announce = fabric.load_balancing.announce
    for position, kind in enumerate(announce):
        if kind in announce[:position]:
            yield Problem(f"{_FIELD}.announce[{position}]", kind, "is there twice", "write it once")


def _aggregation(addressing: ServiceAddressing) -> Iterator[Problem]:
    """An aggregate must stay in its range, and Cilium makes none for `Local` (1.18 and later)."""
    settings, own = addressing.fabric.load_balancing, addressing.settings
    length, length_field = own.aggregation_length, own.field("aggregation_length")
    if length is None:
        return
    ranges = [
        (addressing.field_of(kind), addressing.range_of(kind).prefixlen)
        for kind in settings.announce
    ]
    if settings.has_pool_for_each:
        ranges.append((own.field("pool_prefix_length"), own.pool_prefix_length))
    for field, shortest in ranges:
        if length < shortest:
            yield Problem(
                length_field,
                length,
                f"would announce more than {field}, which is a /{shortest}",
                f"write {shortest} or more",
            )
            break
    for field, service in _demo(addressing.fabric):
        if service.external_traffic_policy is TrafficPolicy.LOCAL:
            yield Problem(
                f"{field}.external_traffic_policy",
                service.external_traffic_policy,
                f"is never aggregated by Cilium, and {length_field} is {length}",
                "use Cluster, or leave aggregation_length out",
            )


def _addresses(addressings: Sequence[ServiceAddressing]) -> Iterator[Problem]:
    """Asks the address plans for every pool and every service's addresses."""
    return raised(ask for addressing in addressings for ask in _questions(addressing))


def _questions(addressing: ServiceAddressing) -> Iterator[Callable[[], object]]:
    fabric, settings = addressing.fabric, addressing.fabric.load_balancing
    if settings.has_pool_for_each:
        vips = Addressing(fabric, addressing.family).vips
        yield from (partial(vips, datacentre) for datacentre in fabric.datacentres)
    for _, service in _demo(fabric):
        for kind in (AddressType.LOAD_BALANCER_IP, *settings.announce):
            yield partial(addressing.address, service, kind)


def _datacentre(fabric: Fabric, field: str, service: DemoService) -> Iterator[Problem]:
    """A datacentre that is named must be there, and have nodes that carry pods."""
    named = [d for d in fabric.datacentres if service.datacentre in (None, d.name)]
    if not named:
        return  # the address plan refuses it, with the same words for each of its questions
    has_workers = any(datacentre.nodes.workers for datacentre in fabric.datacentres)
    if not any(d.nodes.workers if has_workers else d.nodes.controlplanes for d in named):
        yield Problem(
            f"{field}.datacentre",
            service.datacentre,
            "has no nodes that carry pods",
            "add workers there, or name another",
        )


def _requested(
    addressing: ServiceAddressing, field: str, service: DemoService
) -> Iterator[Problem]:
    """LB IPAM leaves a service without an address where it asks for one that no pool has."""
    field = f"{field}.{OWN_ADDRESS[addressing.family]}"
    wanted = service.own_address(addressing.family)
    if wanted is None:
        return
    with suppress(ConfigurationError):  # named by the rule on addresses
        pool = addressing.pool_of(service)
        if wanted not in pool:
            reason = f"is not in {pool}, the pool of its VIPs"
            yield Problem(field, wanted, reason, "ask for one of that, or for none")
        elif wanted in (pool.network_address, pool.broadcast_address):
            reason = f"is the first or last of {pool}, which the pool does not hand out"
            yield Problem(field, wanted, reason, "ask for one between them")
    for other_field, other in _demo(addressing.fabric):
        if other is not service and _has(addressing, other, wanted):
            reason = f"is also that of {other_field}"
            yield Problem(field, wanted, reason, "ask for another, or for none")
            break


def _has(addressing: ServiceAddressing, service: DemoService, vip: Address) -> bool:
    with suppress(ConfigurationError):  # named by the rule on addresses
        return addressing.address(service, AddressType.LOAD_BALANCER_IP) == vip
    return False


def _unreachable_pods(fabric: Fabric) -> Iterator[Problem]:
    """A node translates a service's address to a pod's, whichever datacentre the pod is in."""
    is_apart = fabric.pod_routes is PodRoutes.NONE and len(fabric.datacentres) > 1
    if fabric.load_balancing.demo and is_apart:
        yield Problem(
            "fabric.pod_routes",
            fabric.pod_routes,
            "leaves nodes without a way to the pods of services in other datacentres",
            "use each or summary, or no fabric.load_balancing.demo",
        )


def _crowded_nodes(settings: Settings) -> Iterator[Problem]:
    """A node's PodCIDR must have room for all that are put there."""
    if not settings.fabric.load_balancing.demo:
        return
    with suppress(ConfigurationError):  # what cannot be planned is named by other rules
        busiest = make_plan(settings).load_balancing.most_pods_on_a_node
        tightest = settings.fabric.tightest_ranges
        length, room = tightest.node_pods_prefix_length, tightest.most_pods
        if busiest > room:
            yield Problem(
                f"{_FIELD}.demo",
                None,
                f"puts {busiest} pods on a node, and a /{length} has room for {room}",
                "have fewer replicas, or more nodes",
            )
