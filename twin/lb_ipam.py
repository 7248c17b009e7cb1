"""LB IPAM: which address Cilium's operator gives to a Service of type LoadBalancer.

Follows Cilium 1.19 (its operator/pkg/lbipam and pkg/ipalloc): a service that asks gets what it asks
for, if a pool that selects it has that and nobody else does; another gets the first address of the
smallest free block of the first pool that selects it. The operator looks at those that ask for
nothing in no particular order; here it is the order of the documents.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from ipaddress import AddressValueError, IPv4Address, IPv4Network
from typing import cast

from twin.manifest import Manifest, labels, mapping, name, selects, sequence

_WANTED = ("lbipam.cilium.io/ips", "io.cilium/lb-ipam-ips")

#: The first and last address of a range.
_Block = tuple[int, int]


def assign(
    pools: Sequence[Manifest], services: Sequence[Manifest]
) -> dict[str, tuple[IPv4Address, ...]]:
    """The addresses of each service that gets any, by its name."""
    found: dict[str, tuple[IPv4Address, ...]] = {}
    taken: set[IPv4Address] = set()
    waiting = [s for s in services if mapping(s, "spec").get("type") == "LoadBalancer"]
    for service in sorted(waiting, key=lambda service: not _wanted(service)):
        usable = [pool for pool in pools if _is_for(pool, service)]
        wanted = _wanted(service)
        addresses = (
            tuple(a for a in wanted if a not in taken and any(_holds(pool, a) for pool in usable))
            if wanted
            else tuple(_next(usable, taken))
        )
        if addresses:
            found[name(service)] = addresses
            taken.update(addresses)
    return found


def _wanted(service: Manifest) -> list[IPv4Address]:
    annotations = cast("Mapping[str, str]", mapping(service, "metadata", "annotations"))
    text = next((annotations[key] for key in _WANTED if key in annotations), "")
    asked = [str(mapping(service, "spec").get("loadBalancerIP", "")), *text.split(",")]
    return list(dict.fromkeys(_addresses(asked)))


def _addresses(texts: Sequence[str]) -> Iterator[IPv4Address]:
    for text in texts:
        try:
            yield IPv4Address(text.strip())
        except AddressValueError:
            continue  # the operator logs it and goes on


def _is_for(pool: Manifest, service: Manifest) -> bool:
    spec = mapping(pool, "spec")
    if spec.get("disabled"):
        return False
    return "serviceSelector" not in spec or selects(
        mapping(spec, "serviceSelector"), labels(service)
    )


def _holds(pool: Manifest, address: IPv4Address) -> bool:
    return any(first <= int(address) <= last for first, last in _blocks(pool))


def _next(pools: Sequence[Manifest], taken: set[IPv4Address]) -> Iterator[IPv4Address]:
    for pool in pools:
        for block in _blocks(pool):
            if free := _free(block, sorted(map(int, taken))):
                first, _ = min(free, key=lambda piece: (piece[1] - piece[0], piece[0]))
                yield IPv4Address(first)
                return


def _blocks(pool: Manifest) -> Iterator[_Block]:
    """The pool's ranges, less what `allowFirstLastIPs` keeps out."""
    spec = mapping(pool, "spec")
    for block in sequence(spec, "blocks"):
        if "cidr" in block:
            network = IPv4Network(str(block["cidr"]))
            first, last = int(network.network_address), int(network.broadcast_address)
            inner = 1 if spec.get("allowFirstLastIPs") == "No" and last - first > 1 else 0
            yield first + inner, last - inner
        else:
            start = IPv4Address(str(block["start"]))
            yield int(start), int(IPv4Address(str(block.get("stop") or start)))


def _free(block: _Block, taken: Sequence[int]) -> list[_Block]:
    first, last = block
    free: list[_Block] = []
    for address in taken:
        if first <= address <= last:
            if address > first:
                free.append((first, address - 1))
            first = address + 1
    if first <= last:
        free.append((first, last))
    return free
