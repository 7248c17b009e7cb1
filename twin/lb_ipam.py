"""LB IPAM: which address Cilium's operator gives to a Service of type LoadBalancer.

Follows Cilium 1.19 (its operator/pkg/lbipam and pkg/ipalloc): a service that asks gets what it asks
for, if a pool that selects it has that and nobody else does, whatever its families; another gets,
in each of its families, the first address of the smallest free block of the first pool that selects
it and has a block of that family. The operator looks at those that ask for nothing in no particular
order; here it is the order of the documents.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from ipaddress import ip_address, ip_network
from itertools import pairwise
from typing import cast

from config.families import Address, Family, family_of
from twin.manifest import Manifest, labels, mapping, name, selects, sequence

_WANTED = ("lbipam.cilium.io/ips", "io.cilium/lb-ipam-ips")


@dataclass(frozen=True, slots=True)
class _Block:
    """A range by its first and last address, which are of one family."""

    first: Address
    last: Address

    def __contains__(self, address: Address) -> bool:
        is_alike = address.version == self.first.version
        return is_alike and int(self.first) <= int(address) <= int(self.last)

    @property
    def size(self) -> int:
        """How many addresses it has."""
        return int(self.last) - int(self.first) + 1


def assign(
    pools: Sequence[Manifest], services: Sequence[Manifest], families: Collection[Family]
) -> dict[str, tuple[Address, ...]]:
    """The addresses of each service that gets any, by its name. `families` are those turned on."""
    found: dict[str, tuple[Address, ...]] = {}
    taken: set[Address] = set()
    waiting = [s for s in services if mapping(s, "spec").get("type") == "LoadBalancer"]
    for service in sorted(waiting, key=lambda service: not _wanted(service)):
        usable = [pool for pool in pools if _is_for(pool, service)]
        wanted = _wanted(service)
        addresses = (
            tuple(a for a in wanted if a not in taken and any(_holds(pool, a) for pool in usable))
            if wanted
            else tuple(
                address
                for family in _requested(service, families)
                for address in _next(usable, family, taken)
            )
        )
        if addresses:
            found[name(service)] = addresses
            taken.update(addresses)
    return found


def _requested(service: Manifest, families: Collection[Family]) -> Iterator[Family]:
    """The families that a service asks for (`serviceIPFamilyRequest`), IPv4 before IPv6."""
    spec = mapping(service, "spec")
    named = list(map(str, cast("Sequence[str]", spec.get("ipFamilies") or ())))
    by_default = [family.label for family in Family if family in families]
    match spec.get("ipFamilyPolicy"):
        case "RequireDualStack":
            wanted = by_default
        case "PreferDualStack":
            wanted = named or by_default
        case _:
            wanted = (named or by_default)[:1]
    yield from (family for family in Family if family in families and family.label in wanted)


def _wanted(service: Manifest) -> list[Address]:
    annotations = cast("Mapping[str, str]", mapping(service, "metadata", "annotations"))
    text = next((annotations[key] for key in _WANTED if key in annotations), "")
    asked = [str(mapping(service, "spec").get("loadBalancerIP", "")), *text.split(",")]
    return list(dict.fromkeys(_addresses(asked)))


def _addresses(texts: Sequence[str]) -> Iterator[Address]:
    for text in texts:
        try:
            yield ip_address(text.strip())
        except ValueError:
            continue  # the operator logs it and goes on


def _is_for(pool: Manifest, service: Manifest) -> bool:
    spec = mapping(pool, "spec")
    if spec.get("disabled"):
        return False
    return "serviceSelector" not in spec or selects(
        mapping(spec, "serviceSelector"), labels(service)
    )


def _holds(pool: Manifest, address: Address) -> bool:
    return any(address in block for block in _blocks(pool))


def _next(
    pools: Sequence[Manifest], family: Family, taken: AbstractSet[Address]
) -> Iterator[Address]:
    for pool in pools:
        for block in _blocks(pool):
            if family_of(block.first) is family and (free := _free(block, taken)):
                yield min(free, key=lambda piece: (piece.size, int(piece.first))).first
                return


def _blocks(pool: Manifest) -> Iterator[_Block]:
    """The pool's ranges, less what `allowFirstLastIPs` keeps out."""
    spec = mapping(pool, "spec")
    for block in sequence(spec, "blocks"):
        if "cidr" in block:
            network = ip_network(str(block["cidr"]))
            first, last = network.network_address, network.broadcast_address
            is_kept_out = spec.get("allowFirstLastIPs") == "No" and network.num_addresses > 2
            yield _Block(first + 1, last - 1) if is_kept_out else _Block(first, last)
        else:
            start = ip_address(str(block["start"]))
            yield _Block(start, ip_address(str(block.get("stop") or start)))


def _free(block: _Block, taken: AbstractSet[Address]) -> list[_Block]:
    """What is left of it, in pieces."""
    inside = sorted(int(address) for address in taken if address in block)
    ends = [int(block.first) - 1, *inside, int(block.last) + 1]
    of = type(block.first)
    pairs = pairwise(ends)
    return [_Block(of(left + 1), of(right - 1)) for left, right in pairs if right - left > 1]
