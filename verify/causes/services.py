"""Why a node does not announce a service's address, though the plan has it do so."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from ipaddress import ip_network
from typing import cast

from config.families import Address, Family, family_of
from config.load_balancing import AddressType
from config.services import Service
from twin.manifest import Manifest, labels, mapping, name, selects, sequence
from verify.causes.evidence import World
from verify.model import Cause

_POOL = "CiliumLoadBalancerIPPool"
_ADVERTISEMENT = "CiliumBGPAdvertisement"


def causes(
    service: Service, kind: AddressType, address: Address, node: str, world: World
) -> list[Cause]:
    """What keeps `node` from announcing the service's address of this kind; all that there is."""
    family = family_of(address)
    of_kind = world.of_kind("Service")
    item = next((item for item in of_kind if name(item) == service.name), None)
    if item is None:
        return [
            Cause(
                f"not advertised: there is no Service {service.name} in the cluster",
                "deploy it: `pulumi up --refresh`",
            )
        ]
    found = [
        *(_address(address, item, world) if kind is AddressType.LOAD_BALANCER_IP else ()),
        *_selection(kind, family, item, world),
        *_backends(service, kind, node, world),
        *_endpoints(service, family, world),
    ]
    if not found and not world.is_running:
        found = [
            Cause(
                f"not advertised: Cilium's agent on {node} does not run",
                "its log says why; `pulumi up --refresh` starts it",
            )
        ]
    return found


def _address(wanted: Address, item: Manifest, world: World) -> Iterator[Cause]:
    """Whether a pool gave the service its address."""
    if str(wanted) in world.given.get(name(item), frozenset()):
        return
    if mapping(item, "spec").get("type") != "LoadBalancer":
        reason, remedy = "it is not of type LoadBalancer", "make it `type: LoadBalancer`"
    else:
        reason, remedy = _pool(wanted, item, world)
    yield Cause(f"no pool: {name(item)} does not get its address {wanted}, since {reason}", remedy)


def _pool(wanted: Address, item: Manifest, world: World) -> tuple[str, str]:
    """What is wrong with the pools, and what to do."""
    pools = world.of_kind(_POOL)
    holding = [pool for pool in pools if _holds(pool, wanted)]
    if not holding:
        return f"no {_POOL} has it", f"add a {_POOL} with this address: `pulumi up --refresh`"
    enabled = [pool for pool in holding if not mapping(pool, "spec").get("disabled")]
    if not enabled:
        return f"{name(holding[0])} is disabled", f"set `disabled: false` in {name(holding[0])}"
    if not any(_selects(mapping(pool, "spec"), "serviceSelector", item) for pool in enabled):
        return (
            f"{name(enabled[0])} does not select the service by its labels",
            f"give the service the labels of {name(enabled[0])}'s serviceSelector",
        )
    return "another service has it", "give one of them another address"


def _selection(kind: AddressType, family: Family, item: Manifest, world: World) -> Iterator[Cause]:
    """Whether an advertisement is there for addresses of this kind, and selects the service."""
    entries = [
        entry
        for advertisement in world.of_kind(_ADVERTISEMENT)
        if _is_used(advertisement, family, world)
        for entry in sequence(mapping(advertisement, "spec"), "advertisements")
        if entry.get("advertisementType") == "Service"
        and str(kind) in cast("Sequence[str]", mapping(entry, "service").get("addresses") or ())
    ]
    if not entries:
        yield Cause(
            f"advertisement missing: no {_ADVERTISEMENT} that nodes use has services' {kind}",
            f"put {kind} into fabric.load_balancing.announce, and `pulumi up --refresh`",
        )
    elif not any(_is_selected(entry, item) for entry in entries):
        wanted = [dict(mapping(entry, "selector", "matchLabels")) for entry in entries]
        text = " or ".join(", ".join(f"{k}={v}" for k, v in of.items()) for of in wanted)
        yield Cause(
            f"not selected: {name(item)} does not have the labels that are advertised"
            f" ({text or 'none at all'})",
            f"give the Service {name(item)} these labels, or change fabric.load_balancing.selector",
        )


def _is_selected(entry: Manifest, item: Manifest) -> bool:
    return "selector" in entry and selects(mapping(entry, "selector"), labels(item))


def _backends(service: Service, kind: AddressType, node: str, world: World) -> Iterator[Cause]:
    pods = {backend.pod: backend.node for backend in service.backends}
    alive = {pods[pod] for pod in world.ready if pod in pods}
    if not alive:
        yield Cause(
            f"no ready backend: none of {service.name}'s pods answers ({', '.join(sorted(pods))})",
            "see what ended them: their logs, and whether they listen on the service's port",
        )
    elif service.is_local(kind) and node not in alive:
        yield Cause(
            f"policy Local: {node} has no pod of {service.name} that answers, and announces it for "
            "pods of its own alone",
            "bring the pod back there, or use `external_traffic_policy: Cluster`",
        )


def _endpoints(service: Service, family: Family, world: World) -> Iterator[Cause]:
    """Kubernetes makes an EndpointSlice for each family of a Service, and Cilium goes by those."""
    slices = [
        item
        for item in world.of_kind("EndpointSlice")
        if labels(item).get("kubernetes.io/service-name") == service.name
        and item.get("addressType") == family.label
    ]
    if not any(sequence(item, "endpoints") for item in slices):
        yield Cause(
            f"no ready backend: no EndpointSlice of {service.name} has a pod's address of "
            f"{family.label}",
            f"see whether the Service has {family.label} among its ipFamilies, and its pods such "
            "an address: `pulumi up --refresh`",
        )


def _is_used(advertisement: Manifest, family: Family, world: World) -> bool:
    """Whether a peer configuration names it for this family."""
    return any(
        entry.get("afi") == family
        and entry.get("advertisements") is not None
        and selects(mapping(entry, "advertisements"), labels(advertisement))
        for config in world.of_kind("CiliumBGPPeerConfig")
        for entry in sequence(mapping(config, "spec"), "families")
    )


def _selects(spec: Manifest, key: str, item: Manifest) -> bool:
    return key not in spec or selects(mapping(spec, key), labels(item))


def _holds(pool: Manifest, address: Address) -> bool:
    blocks = sequence(mapping(pool, "spec"), "blocks")
    return any("cidr" in b and address in ip_network(str(b["cidr"])) for b in blocks)
