"""What is expected of machines, what is observed of them, and what differs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

#: A routing table: how to go on, by the prefix. The ways of a multipath route are all in the set:
#: a gateway's address, a device's name, or `unreachable`.
Table = Mapping[str, frozenset[str]]

UNREACHABLE = "unreachable"
DEFAULT = "default"


class Kind(StrEnum):
    """What a machine is; it decides how it is looked at."""

    ROUTER = "router"
    NODE = "node"
    POD = "pod"
    HOST = "host"


@dataclass(frozen=True, slots=True)
class Expected:
    """What the plan says of one machine: its sessions by neighbor's address, its whole table."""

    machine: str
    kind: Kind
    routes: Table
    sessions: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Observed:
    """What was seen on one machine. The state of a session is in RFC 4271's words."""

    routes: Table
    sessions: Mapping[str, str] = field(default_factory=dict)


class Check(StrEnum):
    """What was checked; the columns of the report."""

    SESSIONS = "sessions"
    ROUTES = "routes"
    PODS = "pods"
    SOURCE = "source"
    WAN = "wan"


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that differs from the plan."""

    machine: str
    check: Check
    message: str

    def __str__(self) -> str:
        return f"{self.machine}: {self.message}"
