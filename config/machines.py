"""What the plan is made of: datacentres, routers and nodes with their addresses."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from ipaddress import IPv4Address

from config.families import Address, Family, Interface, Network, of


class Role(StrEnum):
    """What a node does in the cluster, in Talos' words."""

    CONTROLPLANE = "controlplane"
    WORKER = "worker"


def node_name(datacentre: str, role: Role, number: int) -> str:
    """What a datacentre's node of a role is called, by its number from 1."""
    return f"{datacentre}-{role}{number}"


@dataclass(frozen=True, slots=True)
class Nic:
    """A network card: the network it is plugged into, its fixed MAC, its address in each family."""

    network: str
    mac: str
    addresses: tuple[Interface, ...]

    @property
    def address(self) -> Interface:
        """The address in the primary family."""
        return self.addresses[0]

    def ip(self, family: Family) -> Address:
        """The address in this family, without its prefix length."""
        return of(family, self.addresses).ip


@dataclass(frozen=True, slots=True)
class Router:
    """An OpenWrt router. Its NICs come in the order LAN, WAN, peering, second peering.

    `router_id` is its BGP identifier (RFC 4271, section 4.2): its IPv4 address on the LAN, by
    which the whole fabric knows it, or a number of its own where there is no IPv4.
    """

    name: str
    datacentre: str
    number: int
    asn: int
    router_id: IPv4Address
    lan: Nic
    wan: Nic
    peering: Nic
    second_peering: Nic | None = None

    @property
    def peerings(self) -> tuple[Nic, ...]:
        """Its NICs towards the other routers: one, or one on each of two networks."""
        return (self.peering, self.second_peering) if self.second_peering else (self.peering,)

    @property
    def nics(self) -> tuple[Nic, ...]:
        """All NICs in the order in which the machine sees them."""
        return self.lan, self.wan, *self.peerings


@dataclass(frozen=True, slots=True)
class Node:
    """A Talos node, its gateway and the pods it may have, in each family."""

    name: str
    datacentre: str
    role: Role
    asn: int
    router_id: IPv4Address
    lan: Nic
    gateways: tuple[Address, ...]
    pod_cidrs: tuple[Network, ...]

    @property
    def gateway(self) -> Address:
        """The gateway in the primary family."""
        return self.gateways[0]

    @property
    def pod_cidr(self) -> Network:
        """The PodCIDR in the primary family."""
        return self.pod_cidrs[0]


@dataclass(frozen=True, slots=True)
class Site:
    """A datacentre as planned. `pod_ranges` are the supernets of its nodes' PodCIDRs.

    `gateways` are shared by the routers: the only one holds them, or VRRP (RFC 5798) decides.
    """

    name: str
    index: int
    lans: tuple[Network, ...]
    gateways: tuple[Interface, ...]
    pod_ranges: tuple[Network, ...]
    routers: tuple[Router, ...]
    nodes: tuple[Node, ...]

    @property
    def lan(self) -> Network:
        """The LAN in the primary family."""
        return self.lans[0]

    @property
    def gateway(self) -> Interface:
        """The gateway in the primary family."""
        return self.gateways[0]

    @property
    def pods(self) -> Network:
        """The supernet of the PodCIDRs in the primary family."""
        return self.pod_ranges[0]

    @property
    def lan_network(self) -> str:
        """The name of the network that the datacentre's LAN is."""
        return lan_network(self.name)

    @property
    def has_shared_gateway(self) -> bool:
        """Whether several routers take turns at being the gateway."""
        return len(self.routers) > 1


#: The names of the networks that all datacentres share.
PEERING_NETWORK = "peering"
SECOND_PEERING_NETWORK = "peering2"
WAN_NETWORK = "wan"


def lan_network(datacentre: str) -> str:
    """The name of a datacentre's LAN."""
    return f"{datacentre}-lan"
