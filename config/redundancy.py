"""What a fabric does about the loss of a router or of a network between routers."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from config.scalars import Milliseconds, Prefix, Whole
from config.strict import Strict


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
    """`second_peering` is the range of a second network between all routers; None: there is one."""

    bfd: Bfd = Bfd()
    second_peering: Prefix | None = None
