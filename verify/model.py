"""What is expected of machines, what is observed of them, and what differs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import ClassVar, Protocol, TypeAlias

from twin.birdc import BfdSession

#: A routing table: how to go on, by the prefix. The ways of a multipath route are all in the set:
#: a gateway's address, a device's name, or `unreachable`.
Table = Mapping[str, frozenset[str]]

UNREACHABLE = "unreachable"
DEFAULT = "default"
DEFAULT_IPV6 = "::/0"


class Kind(StrEnum):
    """What a machine is; it decides how it is looked at."""

    ROUTER = "router"
    NODE = "node"
    POD = "pod"
    HOST = "host"


@dataclass(frozen=True, slots=True)
class Expected:
    """What the plan says of one machine: its sessions by neighbor's address, its whole table.

    `bfd` are its BFD sessions, in the same way as those of BGP, all with these timers.
    """

    machine: str
    kind: Kind
    routes: Table
    sessions: Mapping[str, str] = field(default_factory=dict)
    bfd: Mapping[str, str] = field(default_factory=dict)
    bfd_interval_ms: int = 0
    bfd_timeout_ms: int = 0


@dataclass(frozen=True, slots=True)
class Observed:
    """What was seen on one machine.

    The state of a session is in RFC 4271's words.
    """

    routes: Table
    sessions: Mapping[str, str] = field(default_factory=dict)
    bfd: Mapping[str, BfdSession] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Unseen:
    """A machine that could not be looked at, and why."""

    reason: str


#: What came of looking at a machine.
Sight: TypeAlias = Observed | Unseen


class Watched(Protocol):
    """A stack that stands, on whichever substrate, and how one looks at its machines."""

    #: How long to pause between two looks.
    poll_seconds: ClassVar[float]

    def speakers(self) -> dict[str, Expected]:
        """The machines whose sessions and routes come about by themselves, by name."""
        ...

    def look(self, machines: Iterable[Expected]) -> Mapping[str, Sight]:
        """What is to be seen on these machines now, by name."""
        ...

    def remaining(self) -> list[Finding]:
        """What else is not as it should be, where all sessions and routes are."""
        ...


class Check(StrEnum):
    """What was checked; but for `ANSWERS`, the columns of the report.

    `REACHED` is from the machine that verifies. A machine that does not answer has nothing good.
    """

    ANSWERS = "answers"
    SESSIONS = "sessions"
    BFD = "bfd"
    ROUTES = "routes"
    ANNOUNCEMENTS = "announcements"
    PODS = "pods"
    SOURCE = "source"
    WAN = "wan"
    VIPS = "vips"
    REACHED = "reached"
    METRICS = "metrics"


@dataclass(frozen=True, slots=True)
class Cause:
    """Why something differs from the plan, and what to do: a sentence each, without a full stop."""

    cause: str
    remedy: str


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that differs from the plan.

    `about` is what the message is about, for those who look for causes: the neighbor's address for
    a session, BFD or announcements, the prefix for a route, the address for a service or for a pod
    that goes out. `ways` are those by which a route goes, or whom the WAN saw, where there is one.
    """

    machine: str
    check: Check
    message: str
    about: str = field(default="", compare=False)
    ways: frozenset[str] = field(default=frozenset(), compare=False)
    causes: tuple[Cause, ...] = ()

    def __str__(self) -> str:
        return f"{self.machine}: {self.message}"
