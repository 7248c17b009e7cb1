"""What a namespace's network should be, what it is, and the commands between the two.

Pure but for `observe`. Everything that this program sets carries the mark `proto static` on
routes and `nud permanent` on neighbors; what BIRD and the kernel add is theirs and is left alone.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from ipaddress import ip_address, ip_interface, ip_network
from typing import TypeVar, cast

from config import families
from config.families import EVERYWHERE, Family, family_of
from twin import iproute


@dataclass(frozen=True, slots=True)
class Address:
    """An address on a device.

    `rank` orders the addresses of a device: the kernel takes the first of a subnet for its own
    traffic. It is not part of what an address is.
    """

    device: str
    interface: families.Interface
    rank: int = field(default=0, compare=False)


@dataclass(frozen=True, slots=True)
class Route:
    """A route of ours: by a gateway, straight onto a device, or nowhere (`unreachable`)."""

    prefix: families.Network
    gateway: families.Address | None = None
    device: str | None = None

    def __str__(self) -> str:
        if self.gateway is None and self.device is None:
            return f"unreachable {self.prefix}"
        via = f" via {self.gateway}" if self.gateway else ""
        device = f" dev {self.device}" if self.device else ""
        return f"{self.prefix}{via}{device}"


@dataclass(frozen=True, slots=True)
class Neighbor:
    """An entry that needs no ARP, nor its like in IPv6: the kernel's shared table is not for it."""

    device: str
    address: families.Address
    mac: str


@dataclass(frozen=True, slots=True)
class Bridge:
    """A bridge inside a machine and the devices that are its ports."""

    name: str
    ports: frozenset[str]


@dataclass(frozen=True, slots=True)
class Network:
    """A namespace's network, less the devices that others plug into it."""

    up: frozenset[str] = frozenset()
    bridges: frozenset[Bridge] = frozenset()
    addresses: frozenset[Address] = frozenset()
    routes: frozenset[Route] = frozenset()
    neighbors: frozenset[Neighbor] = frozenset()

    @property
    def has_ipv6(self) -> bool:
        """Whether any device has an address of IPv6."""
        return any(address.interface.version == 6 for address in self.addresses)


@dataclass(frozen=True, slots=True)
class Observed:
    """A namespace's network as it is, and the devices that stand in it with their MACs."""

    devices: frozenset[str] = frozenset({"lo"})
    network: Network = field(default_factory=Network)
    macs: Mapping[str, str] = field(default_factory=dict)


def observe(namespace: str) -> Observed:
    """Ask the kernel, in one process."""
    devices, routes, neighbors = iproute.query(
        namespace,
        ["address show", "route show table all proto static", "neighbor show nud permanent"],
    )
    names = frozenset(str(device["ifname"]) for device in devices)
    return Observed(
        devices=names,
        network=Network(
            up=frozenset(str(device["ifname"]) for device in devices if _is_up(device)),
            bridges=_bridges(devices),
            addresses=frozenset(_addresses(devices)),
            routes=frozenset(_route(route) for route in routes),
            neighbors=frozenset(_neighbor(neighbor) for neighbor in neighbors),
        ),
        macs={str(device["ifname"]): str(device.get("address")) for device in devices},
    )


def commands(observed: Observed, desired: Network) -> list[str]:
    """What `ip` must do to make the one into the other, in an order that works.

    Ports must stand already, except bridges, which are made here. Addresses beyond the desired
    are left alone, since VRRP moves one about; routes and neighbors beyond them are removed.
    """
    kept = frozenset(
        neighbor
        for neighbor in observed.network.neighbors
        if neighbor.device not in _changing_bridges(observed, desired)
    )
    return [
        *_bridge_commands(observed, desired),
        *(f"link set {name} up" for name in sorted(desired.up - observed.network.up)),
        *(
            f"address add {address.interface} dev {address.device}{_flags(address)}"
            for address in _sorted(desired.addresses - observed.network.addresses)
        ),
        *(f"route del {route}" for route in _sorted(observed.network.routes - desired.routes)),
        *(
            f"route add {route} proto static"
            for route in _sorted(desired.routes - observed.network.routes)
        ),
        *(
            f"neighbor del {neighbor.address} dev {neighbor.device}"
            for neighbor in _sorted(observed.network.neighbors - desired.neighbors)
        ),
        *(
            f"neighbor replace {neighbor.address} lladdr {neighbor.mac} "
            f"dev {neighbor.device} nud permanent"
            for neighbor in _sorted(desired.neighbors - kept)
        ),
    ]


def obsolete_addresses(observed: Observed, previous: Network, desired: Network) -> list[str]:
    """The commands that remove the addresses which only the previous network had.

    The last of a device's go first: with the first of a subnet the kernel drops the others. With
    its last address it drops the device's routes: look again afterwards.
    """
    obsolete = previous.addresses - desired.addresses
    return [
        f"address del {address.interface} dev {address.device}"
        for address in reversed(_sorted(obsolete))
        if address in observed.network.addresses
    ]


def obsolete_bridges(observed: Observed, previous: Network, desired: Network) -> list[str]:
    """The commands that remove the bridges which only the previous network had."""
    names = {bridge.name for bridge in previous.bridges} - {b.name for b in desired.bridges}
    return [f"link del {name}" for name in sorted(names & observed.devices)]


def _flags(address: Address) -> str:
    """In IPv6: no search for a twin of the address, which takes a second; no route to itself."""
    interface = address.interface
    if interface.version == 4:
        return ""
    is_single = interface.network.prefixlen == interface.max_prefixlen
    return " nodad noprefixroute" if is_single else " nodad"


def _changing_bridges(observed: Observed, desired: Network) -> frozenset[str]:
    """Bridges that get a port. Their MAC may change, and the kernel then drops their neighbors."""
    return frozenset(bridge.name for bridge in desired.bridges - observed.network.bridges)


def _bridge_commands(observed: Observed, desired: Network) -> Iterator[str]:
    ports = {bridge.name: bridge.ports for bridge in observed.network.bridges}
    for bridge in sorted(desired.bridges, key=lambda bridge: bridge.name):
        if bridge.name not in observed.devices:
            yield f"link add {bridge.name} type bridge"
        for port in sorted(bridge.ports - ports.get(bridge.name, frozenset())):
            yield f"link set {port} master {bridge.name}"


_Item = TypeVar("_Item", Address, Route, Neighbor)


def _sorted(items: frozenset[_Item]) -> list[_Item]:
    """Gateways are found through prefixes, so the widest come last."""
    return sorted(items, key=_order)


def _order(item: Address | Route | Neighbor) -> tuple[int, str]:
    if isinstance(item, Route):
        return (-item.prefix.prefixlen if item.device or item.gateway else 0, str(item))
    if isinstance(item, Address):
        return (item.rank, f"{item.device} {item.interface}")
    return (0, str(item))


Json = dict[str, object]


def _is_up(device: Json) -> bool:
    return "UP" in cast("list[str]", device.get("flags", []))


def _bridges(devices: list[Json]) -> frozenset[Bridge]:
    ports: dict[str, set[str]] = {}
    for device in devices:
        if master := device.get("master"):
            ports.setdefault(str(master), set()).add(str(device["ifname"]))
    return frozenset(Bridge(name, frozenset(found)) for name, found in ports.items())


def _addresses(devices: list[Json]) -> Iterator[Address]:
    for device in devices:
        for found in cast("list[Json]", device.get("addr_info", [])):
            # In IPv6, those of the link and of the loopback are the kernel's own.
            if found["family"] == "inet" or found.get("scope") == "global":
                interface = ip_interface(f"{found['local']}/{found['prefixlen']}")
                yield Address(str(device["ifname"]), interface)


def _route(route: Json) -> Route:
    gateway = ip_address(str(route["gateway"])) if "gateway" in route else None
    unreachable = route.get("type") == "unreachable"
    if route["dst"] == "default":
        prefix = EVERYWHERE[family_of(gateway) if gateway else Family.IPV4]
    else:
        prefix = ip_network(str(route["dst"]))
    return Route(
        prefix=prefix,
        gateway=gateway,
        device=None if unreachable or gateway else str(route["dev"]),
    )


def _neighbor(neighbor: Json) -> Neighbor:
    return Neighbor(str(neighbor["dev"]), ip_address(str(neighbor["dst"])), str(neighbor["lladdr"]))
