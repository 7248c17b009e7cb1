"""Services that are reached from outside of the cluster: their addresses, and who is told of them.

Field names that Cilium has are Cilium's (docs.cilium.io, "LoadBalancer IP Address Management" and
"BGP Control Plane Resources"); what Kubernetes has, Kubernetes' (its API, ServiceSpec).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field

from config.families import Family, Network
from config.labels import Labels
from config.scalars import Address, Address6, Prefix, Prefix6, ServiceName, Whole, refusal
from config.strict import Strict


class AddressType(StrEnum):
    """An address of a service, as `CiliumBGPAdvertisement` names them."""

    LOAD_BALANCER_IP = "LoadBalancerIP"
    EXTERNAL_IP = "ExternalIP"
    CLUSTER_IP = "ClusterIP"


class TrafficPolicy(StrEnum):
    """`externalTrafficPolicy`: by any node to any pod, or by nodes with a pod to that pod alone."""

    CLUSTER = "Cluster"
    LOCAL = "Local"


class DemoService(Strict):
    """A service of the demo, with the pods behind it.

    Its addresses follow from `index`, unless it asks for an `address` of the pool, or in IPv6 an
    `ipv6_address`. `datacentre` keeps its pods, and where pools are per datacentre its addresses,
    in that one.
    """

    name: ServiceName
    index: Whole = Field(ge=1, le=0xFFFF)
    datacentre: str | None = None
    replicas: Whole = Field(default=3, ge=1, le=1000)
    port: Whole = Field(default=80, ge=1, le=65535)
    external_traffic_policy: TrafficPolicy = TrafficPolicy.CLUSTER
    address: Address | None = None
    ipv6_address: Address6 | None = None

    def own_address(self, family: Family) -> IPv4Address | IPv6Address | None:
        """The VIP that it asks for in this family, if it does."""
        return self.address if family is Family.IPV4 else self.ipv6_address


_DEMO_NAME = "nginx"


def _spell_out_demo(value: object) -> object:
    """`true` is one service; in a list, what is left out follows from the place."""
    if isinstance(value, bool):
        value = [{}] if value else []
    if not isinstance(value, list | tuple):
        raise refusal("is neither yes or no nor a list", "write demo: true, or a list of services")
    return [
        {"name": _DEMO_NAME, "index": position, **item} if isinstance(item, Mapping) else item
        for position, item in enumerate(value, start=1)
    ]


#: The fields that there are once in each family.
IN_EACH_FAMILY = ("pool_prefix_length", "external_ips", "aggregation_length")


class Ipv6LoadBalancing(Strict):
    """What IPv6 has of its own. Its pools are made of `fabric.ipv6.vips`."""

    pool_prefix_length: Whole = Field(default=120, ge=48, le=126)
    external_ips: Prefix6 = IPv6Network("fd75:6e64:6572:72::/112")
    aggregation_length: Whole | None = Field(default=None, ge=48, le=127)


@dataclass(frozen=True, slots=True)
class FamilyLoadBalancing:
    """The settings of services in one family."""

    family: Family
    pool_prefix_length: int
    external_ips: Network
    aggregation_length: int | None

    def field(self, name: str) -> str:
        """The path of one of them in the configuration."""
        own = "" if self.family is Family.IPV4 else "ipv6."
        return f"fabric.load_balancing.{own}{name}"


class LoadBalancing(Strict):
    """Pools of VIPs, what nodes announce of services, and services to show it.

    `selector` are the labels that a service must have to be announced; without any, every service
    is. `aggregation_length` announces the prefix of that length around an address instead of the
    address; Cilium does so for `externalTrafficPolicy: Cluster` alone.
    """

    pools: Literal["fabric", "per-datacentre"] = "fabric"
    pool_prefix_length: Whole = Field(default=24, ge=8, le=30)
    announce: tuple[AddressType, ...] = (AddressType.LOAD_BALANCER_IP,)
    external_ips: Prefix = IPv4Network("10.114.0.0/16")
    selector: Labels = Field(default_factory=dict)
    aggregation_length: Whole | None = Field(default=None, ge=8, le=31)
    ipv6: Ipv6LoadBalancing = Ipv6LoadBalancing()
    demo: Annotated[tuple[DemoService, ...], BeforeValidator(_spell_out_demo)] = ()

    @property
    def has_pool_for_each(self) -> bool:
        """Whether each datacentre has a pool of its own."""
        return self.pools == "per-datacentre"

    def in_family(self, family: Family) -> FamilyLoadBalancing:
        """What there is once in each family, in this one."""
        holder = self if family is Family.IPV4 else self.ipv6
        own = {name: getattr(holder, name) for name in IN_EACH_FAMILY}
        return FamilyLoadBalancing(family, **own)
