"""Which address within a node's PodCIDR belongs to whom on the twin, where there is no Cilium.

Apart from `config.addressing`, so that a node needs nothing else of the configuration to boot.
"""

from __future__ import annotations

from config.families import Address, Network

_GATEWAY_HOST = 1
_FIRST_POD_HOST = 10


def pod_gateway(pod_cidr: Network) -> Address:
    """The node's own address among its pods: what they use as their gateway."""
    return pod_cidr.network_address + _GATEWAY_HOST


def pod_address(pod_cidr: Network, number: int) -> Address:
    """The address of pod `number`, from 1."""
    return pod_cidr.network_address + _FIRST_POD_HOST + number - 1


def most_pods(host_bits: int) -> int:
    """How many pods a PodCIDR with so many bits for hosts has room for."""
    return max(0, (1 << host_bits) - 1 - _FIRST_POD_HOST)
