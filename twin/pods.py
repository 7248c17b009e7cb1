"""A node's pods: a namespace each, with an address of the node's PodCIDR.

Wired as Cilium wires them: a veth pair, single addresses on the pod's end, and the node's own pod
addresses as its gateways.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import ip_interface

from config.families import EVERYWHERE, family_of, single
from config.families import Address as IpAddress
from config.families import Network as IpNetwork
from config.pods import pod_address, pod_gateway
from twin import iproute
from twin.network import Address, Neighbor, Network, Observed, Route, observe
from twin.place import Place


@dataclass(frozen=True, slots=True)
class Pod:
    """Pod `number` of a node, and its cable. It has an address and a gateway in each family."""

    place: Place
    number: int
    addresses: tuple[IpAddress, ...]
    gateways: tuple[IpAddress, ...]

    @property
    def node_device(self) -> str:
        """The node's end of the cable."""
        return f"lxc{self.number}"

    @property
    def mac(self) -> str:
        """The MAC of the pod's end."""
        return _mac(0x30, self.number)

    @property
    def node_mac(self) -> str:
        """The MAC of the node's end."""
        return _mac(0x31, self.number)

    def network(self) -> Network:
        """Single addresses, and everything by the node."""
        return Network(
            up=frozenset({"lo", "eth0"}),
            addresses=frozenset(Address("eth0", ip_interface(own)) for own in self.addresses),
            routes=frozenset(
                route
                for gateway in self.gateways
                for route in (
                    Route(single(gateway), device="eth0"),
                    Route(EVERYWHERE[family_of(gateway)], gateway=gateway),
                )
            ),
            neighbors=frozenset(Neighbor("eth0", via, self.node_mac) for via in self.gateways),
        )

    def cable(self) -> str:
        """The command, to be run in the node, that plugs the pod in."""
        return (
            f"link add {self.node_device} address {self.node_mac} "
            f"type veth peer name eth0 address {self.mac} netns {self.place.namespace}"
        )

    def is_loose(self, node: Observed) -> bool:
        """Whether its cable is missing in the node."""
        return self.node_device not in node.devices


def pods_of(node: Place, pod_cidrs: Sequence[IpNetwork], count: int) -> list[Pod]:
    """So many pods of a node, numbered from 1, with an address of each range."""
    return [
        Pod(
            place=Place(node.stack, f"{node.machine}-pod{number}"),
            number=number,
            addresses=tuple(pod_address(cidr, number) for cidr in pod_cidrs),
            gateways=tuple(pod_gateway(cidr) for cidr in pod_cidrs),
        )
        for number in range(1, count + 1)
    ]


def remove(node: Place, unwanted: Sequence[Pod]) -> None:
    """Remove pods of a node, their cables at once."""
    present = observe(node.namespace).devices if unwanted else frozenset()
    cut = [f"link del {pod.node_device}" for pod in unwanted if pod.node_device in present]
    iproute.batch(node.namespace, cut)
    for pod in unwanted:
        pod.place.release()


def _mac(kind: int, number: int) -> str:
    """Nobody but the two ends of a cable sees it, so other nodes' pods may have the same."""
    return ":".join(f"{octet:02x}" for octet in (0x02, kind, *number.to_bytes(4)))
