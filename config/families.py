"""The two families of addresses, and what the plan knows in each of them.

Addresses, interfaces and networks know their own family (`version`), so what a machine has in
several families is a tuple with the primary family's first, and `of` finds one in it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import StrEnum
from ipaddress import (
    IPv4Address,
    IPv4Interface,
    IPv4Network,
    IPv6Address,
    IPv6Interface,
    IPv6Network,
    ip_interface,
    ip_network,
)
from typing import Literal, Protocol, TypeAlias, TypeVar

Address: TypeAlias = IPv4Address | IPv6Address
Interface: TypeAlias = IPv4Interface | IPv6Interface
Network: TypeAlias = IPv4Network | IPv6Network


class Family(StrEnum):
    """A family of addresses, in the words of BIRD, GoBGP and Cilium."""

    IPV4 = "ipv4"
    IPV6 = "ipv6"

    @property
    def version(self) -> int:
        """The number by which `ipaddress` knows it."""
        return 4 if self is Family.IPV4 else 6

    @property
    def label(self) -> str:
        """As people write it."""
        return "IPv4" if self is Family.IPV4 else "IPv6"


class OfFamily(Protocol):
    """An address, an interface or a network."""

    @property
    def version(self) -> Literal[4, 6]: ...


_Item = TypeVar("_Item", bound=OfFamily)


def family_of(item: OfFamily) -> Family:
    """Which family an address or a network is of."""
    return Family.IPV4 if item.version == 4 else Family.IPV6


def find(family: Family, items: Iterable[_Item]) -> _Item | None:
    """The first item of the family, if there is one."""
    return next((item for item in items if family_of(item) is family), None)


def of(family: Family, items: Iterable[_Item]) -> _Item:
    """The item of the family. Raises `LookupError` where there is none."""
    item = find(family, items)
    if item is None:
        raise LookupError(f"nothing of {family.label}")
    return item


def is_within(inner: Network, outer: Network) -> bool:
    """Whether the one is the other or a part of it. Never across families."""
    if isinstance(inner, IPv4Network) and isinstance(outer, IPv4Network):
        return inner.subnet_of(outer)
    if isinstance(inner, IPv6Network) and isinstance(outer, IPv6Network):
        return inner.subnet_of(outer)
    return False


def host_of(network: Network, host: int) -> Interface:
    """The address of this number in the network, with the network's length."""
    return ip_interface((network.network_address + host, network.prefixlen))


def single(address: Address) -> Network:
    """The network that is this one address."""
    return ip_network(address)


def with_port(address: Address, port: int) -> str:
    """An address and a port as URLs have them (RFC 3986, section 3.2.2)."""
    return f"[{address}]:{port}" if address.version == 6 else f"{address}:{port}"


def nth_subnet(network: Network, length: int, number: int) -> Network:
    """Subnet `number`, from 0, of those of this length in the network."""
    size = 1 << (network.max_prefixlen - length)
    return ip_network((network.network_address + number * size, length))


#: Where everything goes that has no way of its own.
EVERYWHERE: Mapping[Family, Network] = {
    Family.IPV4: IPv4Network("0.0.0.0/0"),
    Family.IPV6: IPv6Network("::/0"),
}
