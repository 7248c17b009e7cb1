"""Who speaks BGP with whom. The only place where sessions are decided.

Nodes peer with every router of their own datacentre. Routers of one AS are a full mesh while they
are few; beyond `full_mesh_limit`, two of them reflect for the others (RFC 4456). Routers of
different ASes are always a full mesh: eBGP has no reflectors. Routers speak on each network between
them, so that losing one network loses no session of the other.

Two machines have a session in each family, and its addresses and its routes are of that family
alone: what Cilium says of IPv6 over IPv4 has a next hop that no router can use.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from config.families import Address, Family, family_of
from config.machines import Nic, Node, Router, Site

#: Reflectors of an AS: a second one, so that losing the first loses nothing.
REFLECTORS = 2


class SessionKind(StrEnum):
    """What the neighbor is."""

    ROUTER = "router"
    NODE = "node"


@dataclass(frozen=True, slots=True)
class Session:
    """One machine's end of a BGP session.

    `neighbor_name` is the machine at the other end, and `network` the one on which they speak: with
    two networks between routers there are two sessions with a neighbor. `neighbor_is_client` says
    that this end reflects for it, `neighbor_reflects` that it passes on what other routers told it.
    `password` names an entry of the plan's passwords, or is None.
    """

    neighbor_name: str
    network: str
    neighbor_kind: SessionKind
    neighbor: Address
    neighbor_asn: int
    local_address: Address
    local_asn: int
    neighbor_is_client: bool = False
    neighbor_reflects: bool = False
    password: str | None = None

    @property
    def family(self) -> Family:
        """The family of the session's ends, and of what is told over it."""
        return family_of(self.neighbor)

    @property
    def is_internal(self) -> bool:
        """Whether this is iBGP."""
        return self.local_asn == self.neighbor_asn


#: The password that sessions between routers use: no datacentre can be named so.
PEERING_PASSWORD = "_peering"  # its name, and no password


def sessions(
    sites: Sequence[Site], *, full_mesh_limit: int, signed: frozenset[str]
) -> Mapping[str, tuple[Session, ...]]:
    """Every machine's sessions by the machine's name, both ends of each.

    `signed` are the datacentres whose nodes' sessions have a password, and `PEERING_PASSWORD`.
    """
    ends: defaultdict[str, list[Session]] = defaultdict(list)
    ends |= {router.name: [] for site in sites for router in site.routers}
    _between_routers(ends, sites, full_mesh_limit, signed)
    for site in sites:
        for router in site.routers:
            for node in site.nodes:
                password = site.name if site.name in signed else None
                ends[router.name] += _ends(router, node, (router.lan, node.lan), password)
                ends[node.name] += _ends(node, router, (node.lan, router.lan), password)
    return {name: tuple(found) for name, found in ends.items()}


def reflectors(routers: Sequence[Router], full_mesh_limit: int) -> frozenset[str]:
    """The names of the reflectors among the routers of one AS; none while a full mesh will do.

    The first router of each datacentre comes before the second of any, so that the two are in
    different datacentres where there are two; and lower indexes come first, so that what is added
    later changes no reflector.
    """
    if len(routers) <= full_mesh_limit:
        return frozenset()
    by_number = sorted(routers, key=lambda router: router.number)
    return frozenset(router.name for router in by_number[:REFLECTORS])


def _between_routers(
    ends: defaultdict[str, list[Session]],
    sites: Sequence[Site],
    full_mesh_limit: int,
    signed: frozenset[str],
) -> None:
    routers = [router for site in sorted(sites, key=_index) for router in site.routers]
    by_asn: defaultdict[int, list[Router]] = defaultdict(list)
    for router in routers:
        by_asn[router.asn].append(router)
    reflecting = {asn: reflectors(group, full_mesh_limit) for asn, group in by_asn.items()}
    password = PEERING_PASSWORD if PEERING_PASSWORD in signed else None
    for local in routers:
        hubs = reflecting[local.asn]
        for other in routers:
            same_asn = local.asn == other.asn
            reflected = same_asn and hubs and local.name not in hubs and other.name not in hubs
            if other is local or reflected:
                continue
            reflects = same_asn and other.name in hubs
            is_client = same_asn and local.name in hubs and not reflects
            for cards in zip(local.peerings, other.peerings, strict=True):
                for end in _ends(local, other, cards, password):
                    ends[local.name].append(
                        replace(end, neighbor_is_client=is_client, neighbor_reflects=reflects)
                    )


def _index(site: Site) -> int:
    return site.index


def _ends(
    local: Router | Node,
    other: Router | Node,
    by: tuple[Nic, Nic],
    password: str | None,
) -> Iterator[Session]:
    """One machine's ends, one in each family; `by` are its own card and the other's."""
    own_card, other_card = by
    for own, others in zip(own_card.addresses, other_card.addresses, strict=True):
        yield Session(
            neighbor_name=other.name,
            network=own_card.network,
            neighbor_kind=SessionKind.ROUTER if isinstance(other, Router) else SessionKind.NODE,
            neighbor=others.ip,
            neighbor_asn=other.asn,
            local_address=own.ip,
            local_asn=local.asn,
            password=password,
        )
