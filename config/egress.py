"""Egress gateways: pods that the world beyond the WAN sees by one fixed address a datacentre.

Follows `CiliumEgressGatewayPolicy` (docs.cilium.io, "Egress Gateway").
"""

from __future__ import annotations

from ipaddress import IPv4Network
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, Field

from config.labels import Labels
from config.scalars import Address, Prefix, refusal
from config.strict import Strict

#: All that is not the fabric's own.
_EVERYWHERE = IPv4Network("0.0.0.0/0")


class Gateway(Strict):
    """One datacentre's gateway. What is left out follows from the plan."""

    node: str | None = None
    address: Address | None = None


def _with_labels(selector: dict[str, str]) -> dict[str, str]:
    if not selector:
        raise refusal("has no labels, so every pod would be meant", "name a label of those meant")
    return selector


def _destination(value: object) -> object:
    """A prefix, or everywhere, which is no prefix that machines could have."""
    return _EVERYWHERE if value in ("0.0.0.0/0", _EVERYWHERE) else value


Destination = Annotated[Prefix, BeforeValidator(_destination)]


def _some(destinations: tuple[IPv4Network, ...]) -> tuple[IPv4Network, ...]:
    if not destinations:
        raise refusal("is empty", "write [0.0.0.0/0], or leave it out")
    return destinations


class EgressGateway(Strict):
    """Which pods leave by a gateway, and where to.

    `gateways` are by the datacentre's name, for those that are to differ from the plan's choice.
    """

    selector: Annotated[Labels, AfterValidator(_with_labels)] = Field(
        default_factory=lambda: {"underlay.io/egress": "gateway"}
    )
    destinations: Annotated[tuple[Destination, ...], AfterValidator(_some)] = (_EVERYWHERE,)
    gateways: dict[str, Gateway] = Field(default_factory=dict)
