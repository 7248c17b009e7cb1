"""Whom the routers believe, and how much: passwords, limits, TTL security, the WAN."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

from pydantic import Field

from config.scalars import Whole
from config.strict import Strict

#: The limits are 32-bit numbers to BIRD.
_Limit = Annotated[Whole, Field(ge=1, le=0xFFFFFFFF)]
_Rotation = Annotated[Whole, Field(ge=1)]


class LimitAction(StrEnum):
    """What BIRD does at a limit (BIRD User's Guide, "Protocol options", import limit)."""

    WARN = "warn"
    BLOCK = "block"
    RESTART = "restart"
    DISABLE = "disable"


class NodeLimits(Strict):
    """How many routes of one node are taken, how many are looked at at all, and what comes then."""

    imported: _Limit = 256
    received: _Limit = 1024
    action: LimitAction = LimitAction.BLOCK


class RouterLimits(Strict):
    """The same of one router. The default has room for more PodCIDRs than the default ranges."""

    imported: _Limit = 50_000
    received: _Limit = 100_000
    action: LimitAction = LimitAction.BLOCK


class Rotations(Strict):
    """How often each generated password has been changed: another number is another password."""

    peering: _Rotation = 1
    datacentres: dict[str, _Rotation] = Field(default_factory=dict)


class Wan(StrEnum):
    """Whom the routers let in by the WAN."""

    CLOSED = "closed"
    OPEN = "open"


class Security(Strict):
    """How sessions and routers are guarded.

    `generate_passwords` signs every session: with the password that is given, or else with one
    that is made once and kept in the stack's state. `ttl_security` is RFC 5082, between routers.
    """

    generate_passwords: bool = True
    rotations: Rotations = Rotations()
    node_limits: NodeLimits = NodeLimits()
    router_limits: RouterLimits = RouterLimits()
    ttl_security: bool = True
    wan: Wan = Wan.CLOSED
