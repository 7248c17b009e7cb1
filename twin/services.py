"""Services as a node's agent sees them: their addresses, the pods behind them, what is announced.

Follows Cilium 1.19's BGP control plane (its pkg/bgp/manager/reconciler/service.go).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network
from typing import cast

from twin import lb_ipam
from twin.manifest import Manifest, labels, mapping, name, selects, sequence

_LOAD_BALANCER, _CLUSTER, _EXTERNAL = "LoadBalancerIP", "ClusterIP", "ExternalIP"


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A pod behind a service, and where it listens."""

    pod: str
    node: str
    datacentre: str
    address: IPv4Address
    port: int


@dataclass(frozen=True, slots=True)
class Frontend:
    """An address of a service with a port. `is_local`: only pods of the node itself are used."""

    kind: str
    address: IPv4Address
    port: int
    is_local: bool


@dataclass(frozen=True, slots=True)
class Service:
    """A service: what it is reached by, and the pods behind it."""

    name: str
    labels: Mapping[str, str]
    frontends: tuple[Frontend, ...]
    endpoints: tuple[Endpoint, ...]


def services(manifests: Sequence[Manifest]) -> tuple[Service, ...]:
    """What Services, EndpointSlices and pools among the documents come to."""
    found = [item for item in manifests if item.get("kind") == "Service"]
    pools = [item for item in manifests if item.get("kind") == "CiliumLoadBalancerIPPool"]
    slices = [item for item in manifests if item.get("kind") == "EndpointSlice"]
    given = lb_ipam.assign(pools, found)
    return tuple(
        Service(
            name=name(item),
            labels=labels(item),
            frontends=tuple(_frontends(item, given.get(name(item), ()))),
            endpoints=tuple(
                endpoint
                for of in slices
                if labels(of).get("kubernetes.io/service-name") == name(item)
                for endpoint in _endpoints(of)
            ),
        )
        for item in found
    )


def announced(
    advertisement: Manifest,
    of: Sequence[Service],
    *,
    node: str,
    ready: AbstractSet[str],
    without_endpoints: bool,
) -> set[IPv4Network]:
    """The prefixes that an advertisement of type `Service` has a node announce.

    `ready` are the names of the pods that answer; `without_endpoints` says whether a service is
    announced that has none of them (`enable-no-service-endpoints-routable`).
    """
    if "selector" not in advertisement or "service" not in advertisement:
        return set()
    options = mapping(advertisement, "service")
    kinds = cast("Sequence[str]", options.get("addresses") or ())
    length = cast("int | None", options.get("aggregationLengthIPv4"))
    found: set[IPv4Network] = set()
    for service in of:
        if selects(mapping(advertisement, "selector"), service.labels):
            alive = [endpoint for endpoint in service.endpoints if endpoint.pod in ready]
            has_own = any(endpoint.node == node for endpoint in alive)
            found |= {
                _prefix(frontend, length)
                for frontend in service.frontends
                if frontend.kind in kinds
                and (alive or without_endpoints)
                and (has_own or not frontend.is_local)
            }
    return found


def _prefix(frontend: Frontend, length: int | None) -> IPv4Network:
    """What is for this node alone is never aggregated."""
    bits = 32 if length is None or frontend.is_local else length
    return IPv4Network((frontend.address, bits), strict=False)


def _frontends(service: Manifest, given: Sequence[IPv4Address]) -> Iterator[Frontend]:
    spec = mapping(service, "spec")
    outside = spec.get("externalTrafficPolicy") == "Local"
    inside = spec.get("internalTrafficPolicy") == "Local"
    external = [IPv4Address(text) for text in cast("Sequence[str]", spec.get("externalIPs") or ())]
    for port in sequence(spec, "ports"):
        number = cast(int, port["port"])
        if "clusterIP" in spec:
            address = IPv4Address(str(spec["clusterIP"]))
            yield Frontend(_CLUSTER, address, number, inside)
        for address in external:
            yield Frontend(_EXTERNAL, address, number, outside)
        for address in given:
            yield Frontend(_LOAD_BALANCER, address, number, outside)


def _endpoints(of: Manifest) -> Iterator[Endpoint]:
    (port,) = sequence(of, "ports")
    for entry in sequence(of, "endpoints"):
        (address,) = cast("Sequence[str]", entry["addresses"])
        yield Endpoint(
            pod=str(mapping(entry, "targetRef")["name"]),
            node=str(entry["nodeName"]),
            datacentre=str(entry["zone"]),
            address=IPv4Address(address),
            port=cast(int, port["port"]),
        )
