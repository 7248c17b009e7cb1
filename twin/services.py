"""Services as a node's agent sees them: their addresses, the pods behind them, what is announced.

Follows Cilium 1.19: its pkg/loadbalancer (addresses of families that are off are left out, and an
address is served by pods' addresses of its own family), and its BGP control plane
(pkg/bgp/manager/reconciler/service.go).
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace
from ipaddress import ip_address, ip_network
from typing import cast

from config.families import Address, Family, Network, family_of, find
from twin import lb_ipam
from twin.manifest import Manifest, labels, mapping, name, selects, sequence

_LOAD_BALANCER, _CLUSTER, _EXTERNAL = "LoadBalancerIP", "ClusterIP", "ExternalIP"


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A pod behind a service, and where it listens: at an address in each of its families."""

    pod: str
    node: str
    datacentre: str
    addresses: tuple[Address, ...]
    port: int

    def address(self, family: Family) -> Address | None:
        """Its address in one family, if it has one."""
        return find(family, self.addresses)


@dataclass(frozen=True, slots=True)
class Frontend:
    """An address of a service with a port. `is_local`: only pods of the node itself are used."""

    kind: str
    address: Address
    port: int
    is_local: bool

    def backends(self, endpoints: Iterable[Endpoint]) -> list[tuple[Endpoint, Address]]:
        """Those of the pods that have an address of its family, with that."""
        own = family_of(self.address)
        found = ((endpoint, endpoint.address(own)) for endpoint in endpoints)
        return [(endpoint, address) for endpoint, address in found if address is not None]


@dataclass(frozen=True, slots=True)
class Service:
    """A service: what it is reached by, and the pods behind it."""

    name: str
    labels: Mapping[str, str]
    frontends: tuple[Frontend, ...]
    endpoints: tuple[Endpoint, ...]


def services(manifests: Sequence[Manifest], families: Collection[Family]) -> tuple[Service, ...]:
    """What Services, EndpointSlices and pools come to, where Cilium has these families turned on.

    Kubernetes makes an EndpointSlice for each family: a pod of several is in as many.
    """
    found = [item for item in manifests if item.get("kind") == "Service"]
    pools = [item for item in manifests if item.get("kind") == "CiliumLoadBalancerIPPool"]
    slices = [item for item in manifests if item.get("kind") == "EndpointSlice"]
    given = lb_ipam.assign(pools, found, families)
    return tuple(
        Service(
            name=name(item),
            labels=labels(item),
            frontends=tuple(
                frontend
                for frontend in _frontends(item, given.get(name(item), ()))
                if family_of(frontend.address) in families
            ),
            endpoints=tuple(
                _endpoints(
                    of
                    for of in slices
                    if labels(of).get("kubernetes.io/service-name") == name(item)
                )
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
) -> set[Network]:
    """The prefixes of every family that an advertisement of type `Service` has a node announce.

    `ready` are the names of the pods that answer; `without_endpoints` says whether an address is
    announced that has none of them (`enable-no-service-endpoints-routable`).
    """
    if "selector" not in advertisement or "service" not in advertisement:
        return set()
    options = mapping(advertisement, "service")
    kinds = cast("Sequence[str]", options.get("addresses") or ())
    found: set[Network] = set()
    for service in of:
        if selects(mapping(advertisement, "selector"), service.labels):
            alive = [endpoint for endpoint in service.endpoints if endpoint.pod in ready]
            for frontend in service.frontends:
                nodes = {endpoint.node for endpoint, _ in frontend.backends(alive)}
                is_served = node in nodes if frontend.is_local else bool(nodes) or without_endpoints
                if frontend.kind in kinds and is_served:
                    found.add(_prefix(frontend, options))
    return found


def _prefix(frontend: Frontend, options: Manifest) -> Network:
    """What is for this node alone is never aggregated."""
    family, whole = family_of(frontend.address), frontend.address.max_prefixlen
    length = cast("int | None", options.get(f"aggregationLength{family.label}"))
    bits = whole if length is None or frontend.is_local else length
    return ip_network((frontend.address, bits), strict=False)


def _frontends(service: Manifest, given: Sequence[Address]) -> Iterator[Frontend]:
    spec = mapping(service, "spec")
    outside = spec.get("externalTrafficPolicy") == "Local"
    inside = spec.get("internalTrafficPolicy") == "Local"
    own = [spec["clusterIP"]] if "clusterIP" in spec else []
    for port in sequence(spec, "ports"):
        number = cast(int, port["port"])
        for text in cast("Sequence[str]", spec.get("clusterIPs") or own):
            yield Frontend(_CLUSTER, ip_address(text), number, inside)
        for text in cast("Sequence[str]", spec.get("externalIPs") or ()):
            yield Frontend(_EXTERNAL, ip_address(text), number, outside)
        for address in given:
            yield Frontend(_LOAD_BALANCER, address, number, outside)


def _endpoints(slices: Iterable[Manifest]) -> Iterable[Endpoint]:
    """The pods of a service, from its slices of all families."""
    found: dict[str, Endpoint] = {}
    for of in slices:
        (port,) = sequence(of, "ports")
        for entry in sequence(of, "endpoints"):
            (text,) = cast("Sequence[str]", entry["addresses"])
            endpoint = Endpoint(
                pod=str(mapping(entry, "targetRef")["name"]),
                node=str(entry["nodeName"]),
                datacentre=str(entry["zone"]),
                addresses=(ip_address(text),),
                port=cast(int, port["port"]),
            )
            known = found.setdefault(endpoint.pod, endpoint)
            if known is not endpoint:
                both = (*known.addresses, *endpoint.addresses)
                found[endpoint.pod] = replace(known, addresses=both)
    return found.values()
