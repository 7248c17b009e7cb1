"""Which address belongs to whom. The only place where addresses are decided.

An address depends on its owner's index alone and never on how many owners there are, so that
whatever is added later moves nothing that exists. The number in a name is the number in the
address: with the defaults, datacentre 2 has the LAN 10.1.2.0/24 and the pods 10.130.0.0/16, and
its worker 1 has 10.1.2.21 and the pods 10.130.21.0/24; in IPv6, fd75:6e64:6572:102::15 and the
pods fd75:6e64:6572:8215::/64, the same numbers in hexadecimal.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from ipaddress import IPv4Address

from config.errors import refused
from config.families import Address, Family, Interface, Network, host_of, nth_subnet
from config.ranges import Ranges
from config.redundancy import SECOND_PEERING
from config.schema import Datacentre, Fabric

#: Hosts of a LAN: the gateway, the routers from 2, control planes from 11, workers from 21.
GATEWAY_HOST = 1
FIRST_ROUTER_HOST = 2
FIRST_CONTROLPLANE_HOST = 11
FIRST_WORKER_HOST = 21

#: Hosts of the WAN: the way out, then the routers from 10.
WAN_GATEWAY_HOST = 1
FIRST_WAN_ROUTER_HOST = 10

#: Routers a datacentre can have: each index reserves room for all of them on the shared networks.
ROUTERS_PER_DATACENTRE = 2

#: Where a datacentre names a LAN of its own.
OWN_LAN = {Family.IPV4: "lan", Family.IPV6: "ipv6_lan"}

#: Node slots a datacentre's pod supernet has room for: one for each host of a /24 LAN.
NODE_SLOT_BITS = 8


@dataclass(frozen=True)
class Addressing:
    """The address plan of one fabric in one family.

    Methods raise `ConfigurationError` where a range ends.
    """

    fabric: Fabric
    family: Family = Family.IPV4

    @cached_property
    def ranges(self) -> Ranges:
        """The ranges that all is drawn from."""
        return self.fabric.ranges_of(self.family)

    def lan(self, datacentre: Datacentre) -> Network:
        """The datacentre's LAN: the one it names, or its share of `lans`."""
        own = datacentre.own_lan(self.family)
        if own is not None:
            return own
        return self._block("lans", self.ranges.lan_prefix_length, datacentre.index)

    def pods(self, datacentre: Datacentre) -> Network:
        """The supernet of the datacentre's PodCIDRs."""
        length = self.ranges.node_pods_prefix_length - NODE_SLOT_BITS
        return self._block("pods", length, datacentre.index)

    def vips(self, datacentre: Datacentre) -> Network:
        """The datacentre's own pool of VIPs, where each has one."""
        settings = self.fabric.load_balancing.in_family(self.family)
        return self._block("vips", settings.pool_prefix_length, datacentre.index)

    def egress(self, datacentre: Datacentre) -> Address:
        """The address by which the datacentre's selected pods leave the fabric."""
        return self._host("egress", datacentre.index, "a gateway").ip

    def gateway(self, datacentre: Datacentre) -> Interface:
        """The address that nodes use as their default gateway, whichever router holds it."""
        return self._on_lan(datacentre, GATEWAY_HOST)

    def router_on_lan(self, datacentre: Datacentre, number: int) -> Interface:
        """Router `number` (from 1) on its LAN."""
        return self._on_lan(datacentre, FIRST_ROUTER_HOST + number - 1)

    def router_on_peering(self, datacentre: Datacentre, number: int) -> Interface:
        """Router `number` on the network that joins the datacentres."""
        return self._host("peering", _router_slot(datacentre, number))

    def router_on_second_peering(self, datacentre: Datacentre, number: int) -> Interface | None:
        """Router `number` on the second such network, with the same host number; None: no such."""
        network = self.fabric.redundancy.second_peering_of(self.family)
        if network is None:
            return None
        slot = _router_slot(datacentre, number)
        return self._host_of(second_peering_field(self.family), network, slot, "a router")

    def router_on_wan(self, datacentre: Datacentre, number: int) -> Interface:
        """Router `number` on the network towards the internet."""
        slot = FIRST_WAN_ROUTER_HOST + _router_slot(datacentre, number) - 1
        return self._host("wan", slot)

    def wan_gateway(self) -> Interface:
        """The routers' own default gateway."""
        return self._host("wan", WAN_GATEWAY_HOST)

    def controlplane_hosts(self, datacentre: Datacentre) -> range:
        """The LAN hosts of the datacentre's control planes."""
        count = datacentre.nodes.controlplanes
        return range(FIRST_CONTROLPLANE_HOST, FIRST_CONTROLPLANE_HOST + count)

    def worker_hosts(self, datacentre: Datacentre) -> range:
        """The LAN hosts of the datacentre's workers."""
        return range(FIRST_WORKER_HOST, FIRST_WORKER_HOST + datacentre.nodes.workers)

    def node(self, datacentre: Datacentre, host: int) -> Interface:
        """The node at this host number of its LAN."""
        return self._on_lan(datacentre, host)

    def pod_cidr(self, datacentre: Datacentre, host: int) -> Network:
        """The PodCIDR of the node at this host number: the same number within the supernet."""
        if host >= 1 << NODE_SLOT_BITS:
            raise refused(
                f"{_field(self.fabric, datacentre)}.nodes.workers",
                datacentre.nodes.workers,
                f"is more than the {(1 << NODE_SLOT_BITS) - FIRST_WORKER_HOST} "
                "that a datacentre's pods have room for",
                "spread the workers over more datacentres",
            )
        return nth_subnet(self.pods(datacentre), self.ranges.node_pods_prefix_length, host)

    def _on_lan(self, datacentre: Datacentre, host: int) -> Interface:
        lan = self.lan(datacentre)
        if host >= lan.num_addresses - 1:
            field, own = _field(self.fabric, datacentre), datacentre.own_lan(self.family)
            of_all = self.ranges.field("lan_prefix_length")
            raise refused(
                f"{field}.{OWN_LAN[self.family]}" if own else of_all,
                lan if own else self.ranges.lan_prefix_length,
                f"has no host {host}, which {datacentre.name}'s routers and nodes need",
                f"use a shorter prefix, or fewer nodes in {field}",
            )
        return host_of(lan, host)

    def _block(self, name: str, length: int, index: int) -> Network:
        within: Network = getattr(self.ranges, name)
        if length < within.prefixlen or index >= 1 << (length - within.prefixlen):
            room = max(0, (1 << max(0, length - within.prefixlen)) - 1)
            raise refused(
                self.ranges.field(name),
                within,
                f"has room for {room} datacentres of a /{length} each, not for number {index}",
                "use a shorter prefix, or fewer datacentres",
            )
        return nth_subnet(within, length, index)

    def _host(self, name: str, host: int, owner: str = "a router") -> Interface:
        return self._host_of(self.ranges.field(name), getattr(self.ranges, name), host, owner)

    def _host_of(self, field: str, network: Network, host: int, owner: str) -> Interface:
        if host >= network.num_addresses - 1:
            raise refused(
                field,
                network,
                f"has no host {host}, which {owner} needs",
                "use a shorter prefix, or fewer datacentres",
            )
        return host_of(network, host)


def router_id(datacentre: Datacentre, host: int) -> IPv4Address:
    """The BGP identifier of a machine without IPv4: any number of 32 bits that is its own.

    RFC 6286, section 2.1: unique in its AS, and not zero.
    """
    return IPv4Address(bytes((10, datacentre.index >> 8, datacentre.index & 0xFF, host)))


def second_peering_field(family: Family) -> str:
    """The path of the second peering network's range in the configuration."""
    return f"fabric.redundancy.{SECOND_PEERING[family]}"


def positions(fabric: Fabric) -> Iterator[tuple[str, Datacentre]]:
    """Each datacentre with its path in the configuration."""
    for position, datacentre in enumerate(fabric.datacentres):
        yield f"fabric.datacentres[{position}]", datacentre


def _field(fabric: Fabric, wanted: Datacentre) -> str:
    return next(field for field, datacentre in positions(fabric) if datacentre is wanted)


def _router_slot(datacentre: Datacentre, number: int) -> int:
    return (datacentre.index - 1) * ROUTERS_PER_DATACENTRE + number
