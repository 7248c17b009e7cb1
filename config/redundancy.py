"""What a fabric does about the loss of a router or of a network between routers."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from config.families import Family, Network
from config.scalars import Milliseconds, Prefix, Prefix6, Whole
from config.strict import Strict

#: The field with the second peering network's range of a family, and a range that would do.
SECOND_PEERING = {Family.IPV4: "second_peering", Family.IPV6: "ipv6_second_peering"}
SECOND_PEERING_EXAMPLE = {Family.IPV4: "172.29.0.0/22", Family.IPV6: "fd75:6e64:6572:1d::/64"}


class Bfd(Strict):
    """Bidirectional Forwarding Detection between routers (RFC 5880).

    A router that has not been heard for `detection_time_ms` is lost. Off by default: a machine that
    runs much besides routers may well stand still for longer. Nodes have none: neither Cilium nor
    the GoBGP in it speaks it.
    """

    enabled: bool = False
    interval_ms: Milliseconds = 50
    multiplier: Annotated[Whole, Field(ge=1, le=255)] = 3

    @property
    def detection_time_ms(self) -> int:
        """After so long without a packet, the session is down (RFC 5880, section 6.8.4)."""
        return self.interval_ms * self.multiplier


class Redundancy(Strict):
    """What stands by. A second network between all routers has a range in each family."""

    bfd: Bfd = Bfd()
    second_peering: Prefix | None = None
    ipv6_second_peering: Prefix6 | None = None

    def second_peering_of(self, family: Family) -> Network | None:
        """The second network's range in this family; None: it is not given."""
        return self.second_peering if family is Family.IPV4 else self.ipv6_second_peering
