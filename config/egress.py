"""Egress gateways: pods that the world beyond the WAN sees by one fixed address a datacentre.

Follows `CiliumEgressGatewayPolicy` (docs.cilium.io, "Egress Gateway").
"""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, Field

from config.families import EVERYWHERE, Family, Network
from config.families import Address as AnyAddress
from config.labels import Labels
from config.scalars import Address, Address6, AnyPrefix, refusal
from config.strict import Strict


class Gateway(Strict):
    """One datacentre's gateway. What is left out follows from the plan."""

    node: str | None = None
    address: Address | None = None
    ipv6_address: Address6 | None = None

    def own_address(self, family: Family) -> AnyAddress | None:
        """The address that it names in this family, if it does."""
        return self.address if family is Family.IPV4 else self.ipv6_address


def _with_labels(selector: dict[str, str]) -> dict[str, str]:
    if not selector:
        raise refusal("has no labels, so every pod would be meant", "name a label of those meant")
    return selector


def _destination(value: object) -> object:
    """A prefix, or everywhere, which is no prefix that machines could have."""
    return next((all_ for all_ in EVERYWHERE.values() if value in (all_, str(all_))), value)


Destination = Annotated[AnyPrefix, BeforeValidator(_destination)]


def _some(destinations: tuple[Network, ...] | None) -> tuple[Network, ...] | None:
    if destinations == ():
        raise refusal("is empty", "write [0.0.0.0/0], or leave it out")
    return destinations


class EgressGateway(Strict):
    """Which pods leave by a gateway, and where to: everywhere, unless `destinations` are given.

    `gateways` are by the datacentre's name, for those that are to differ from the plan's choice.
    """

    selector: Annotated[Labels, AfterValidator(_with_labels)] = Field(
        default_factory=lambda: {"underlay.io/egress": "gateway"}
    )
    destinations: Annotated[tuple[Destination, ...] | None, AfterValidator(_some)] = None
    gateways: dict[str, Gateway] = Field(default_factory=dict)
