"""What the plan is made of: datacentres, routers and nodes with their addresses."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from ipaddress import IPv4Address, IPv4Interface, IPv4Network


class Role(StrEnum):
    """What a node does in the cluster, in Talos' words."""

    CONTROLPLANE = "controlplane"
    WORKER = "worker"


def node_name(datacentre: str, role: Role, number: int) -> str:
    """What a datacentre's node of a role is called, by its number from 1."""
    return f"{datacentre}-{role}{number}"


@dataclass(frozen=True, slots=True)
class Nic:
    """A network card: the network it is plugged into, its fixed MAC, its address."""

    network: str
    mac: str
    address: IPv4Interface


@dataclass(frozen=True, slots=True)
class Router:
    """An OpenWrt router. Its NICs come in the order LAN, WAN, peering, second peering.

    `router_id` is its LAN address: the one by which the whole fabric knows it.
    """

    name: str
    datacentre: str
    number: int
    asn: int
    lan: Nic
    wan: Nic
    peering: Nic
    second_peering: Nic | None = None

    @property
    def router_id(self) -> IPv4Address:
        """The BGP identifier (RFC 4271, section 4.2)."""
        return self.lan.address.ip

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
    """A Talos node, its gateway and the pods it may have."""

    name: str
    datacentre: str
    role: Role
    asn: int
    lan: Nic
    gateway: IPv4Address
    pod_cidr: IPv4Network


@dataclass(frozen=True, slots=True)
class Site:
    """A datacentre as planned. `pods` is the supernet of its nodes' PodCIDRs.

    `gateway` is shared by the routers: the only one holds it, or VRRP (RFC 5798) decides.
    """

    name: str
    index: int
    lan: IPv4Network
    gateway: IPv4Interface
    pods: IPv4Network
    routers: tuple[Router, ...]
    nodes: tuple[Node, ...]

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
