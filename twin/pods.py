"""A node's pods: a namespace each, with an address of the node's PodCIDR.

Wired as Cilium wires them: a veth pair, a /32 on the pod's end, and the node's own pod address as
its gateway.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Interface, IPv4Network

from config.pods import pod_address, pod_gateway
from twin import iproute
from twin.network import Address, Neighbor, Network, Observed, Route, observe
from twin.place import Place


@dataclass(frozen=True, slots=True)
class Pod:
    """A pod and the two ends of its cable."""

    place: Place
    address: IPv4Address
    gateway: IPv4Address
    node_device: str

    @property
    def mac(self) -> str:
        """The MAC of the pod's end."""
        return _mac(0x30, self.address)

    @property
    def node_mac(self) -> str:
        """The MAC of the node's end."""
        return _mac(0x31, self.address)

    def network(self) -> Network:
        """A /32, and everything by the node."""
        return Network(
            up=frozenset({"lo", "eth0"}),
            addresses=frozenset({Address("eth0", IPv4Interface(self.address))}),
            routes=frozenset(
                {
                    Route(IPv4Network(self.gateway), device="eth0"),
                    Route(_EVERYWHERE, gateway=self.gateway),
                }
            ),
            neighbors=frozenset({Neighbor("eth0", self.gateway, self.node_mac)}),
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


def pods_of(node: Place, pod_cidr: IPv4Network, count: int) -> list[Pod]:
    """So many pods of a node, numbered from 1."""
    return [
        Pod(
            place=Place(node.stack, f"{node.machine}-pod{number}"),
            address=pod_address(pod_cidr, number),
            gateway=pod_gateway(pod_cidr),
            node_device=f"lxc{number}",
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


_EVERYWHERE = IPv4Network("0.0.0.0/0")


def _mac(kind: int, address: IPv4Address) -> str:
    return ":".join(f"{octet:02x}" for octet in (0x02, kind, *address.packed))
