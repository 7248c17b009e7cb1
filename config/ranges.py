"""The ranges that a fabric's addresses are drawn from, alike in each family."""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import IPv6Network

from pydantic import Field

from config.families import Family, Network
from config.pods import most_pods
from config.scalars import Prefix6, Whole
from config.strict import Strict

#: The fields of a family's ranges, in the settings as in the plan.
RANGES = ("lans", "pods", "services", "vips", "egress", "peering", "wan")
LENGTHS = ("lan_prefix_length", "node_pods_prefix_length")


class Ipv6(Strict):
    """The ranges of IPv6, each of which can be overridden.

    The defaults are parts of one prefix of RFC 4193, which is "under" in ASCII: it never changes,
    so that addresses do not. Fabrics that are to be joined one day need prefixes of their own.
    """

    lans: Prefix6 = IPv6Network("fd75:6e64:6572:100::/56")
    lan_prefix_length: Whole = Field(default=64, ge=48, le=120)
    pods: Prefix6 = IPv6Network("fd75:6e64:6572:8000::/49")
    node_pods_prefix_length: Whole = Field(default=64, ge=48, le=124)
    services: Prefix6 = IPv6Network("fd75:6e64:6572:60::/108")
    vips: Prefix6 = IPv6Network("fd75:6e64:6572:70::/112")
    egress: Prefix6 = IPv6Network("fd75:6e64:6572:71::/112")
    peering: Prefix6 = IPv6Network("fd75:6e64:6572:1e::/64")
    wan: Prefix6 = IPv6Network("fd75:6e64:6572:1f::/64")


@dataclass(frozen=True, slots=True)
class Ranges:
    """The ranges of one family, as settings give them and the plan has them."""

    family: Family
    lans: Network
    lan_prefix_length: int
    pods: Network
    node_pods_prefix_length: int
    services: Network
    vips: Network
    egress: Network
    peering: Network
    wan: Network

    @property
    def most_pods(self) -> int:
        """How many pods a node has room for."""
        return most_pods(self.pods.max_prefixlen - self.node_pods_prefix_length)

    def field(self, name: str) -> str:
        """The path of a range in the configuration."""
        return f"fabric.{name}" if self.family is Family.IPV4 else f"fabric.ipv6.{name}"
