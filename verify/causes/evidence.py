"""What can be seen of a fault: what both ends are set to, and what comes through between them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from config.machines import Node, Router
from config.sessions import Session
from twin.birdc import BfdSession
from twin.manifest import Manifest
from verify.announcements import Refused


@dataclass(frozen=True, slots=True)
class Speaker:
    """One session as a running daemon is set up for it. `words` are its last error, if any.

    `limits` are the kinds of limits that were reached, `imported` the routes that were taken.
    """

    neighbor: str
    neighbor_asn: int
    local_asn: int
    name: str = ""
    is_enabled: bool = True
    words: str = ""
    imported: int = 0
    limits: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class End:
    """One end of sessions. `speakers` is None where its daemon does not answer.

    What cannot be seen from here is None: the `addresses` of the machine, and its cards that are
    `down`, of those that hold the address it speaks from.
    """

    machine: str
    speakers: tuple[Speaker, ...] | None
    addresses: frozenset[str] | None = None
    down: tuple[str, ...] = ()


class Answer(StrEnum):
    """What came of a TCP connection to the port that a neighbor listens on."""

    OPEN = "open"
    REFUSED = "refused"
    #: The segment arrived, and was dropped for its signature or the want of one (RFC 2385).
    UNSIGNED = "unsigned"
    UNREACHABLE = "unreachable"
    SILENT = "silent"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Way:
    """One direction between the ends of a session.

    `is_pinged` and `listens` (whether there is a socket at that port) are None where nobody knows.
    """

    source: str
    destination: str
    port: int
    answer: Answer
    is_pinged: bool | None = None
    listens: bool | None = None


@dataclass(frozen=True, slots=True)
class BfdEnd:
    """A router's BFD: its sessions by their neighbors, BIRD's file, and what time it is there."""

    machine: str
    sessions: Mapping[str, BfdSession]
    configuration: str
    now: datetime


@dataclass(frozen=True, slots=True)
class World:
    """What a cluster's API server says of services, and which pods answer.

    It is a node's view, which may be old. `given` are the addresses that each service got,
    `announced` is what the node's BGP announces, and `node` its object of the API; both are None
    where they cannot be seen.
    """

    manifests: Sequence[Manifest]
    given: Mapping[str, frozenset[str]]
    ready: AbstractSet[str]
    announced: frozenset[str] | None = None
    is_running: bool = True
    node: Manifest | None = None

    def of_kind(self, kind: str) -> list[Manifest]:
        """The documents of this kind."""
        return [manifest for manifest in self.manifests if manifest.get("kind") == kind]


@dataclass(frozen=True, slots=True)
class Told:
    """What a router's BIRD says of routes: the ways to each prefix, and what it refused."""

    vias: Mapping[str, frozenset[str]] = field(default_factory=dict)
    refused: tuple[Refused, ...] = ()


@dataclass(frozen=True, slots=True)
class Log:
    """BIRD's log as far as it is kept, and what time it is there."""

    lines: Sequence[str] = ()
    now: datetime = datetime.max


class Witness(Protocol):
    """Whoever can look at a stack's machines more closely. All of it is asked for at need."""

    def end(self, session: Session, machine: str) -> End | None:
        """The machine's end of the session; None where the machine cannot be looked at."""
        ...

    def ways(self, session: Session, machine: str) -> Sequence[Way]:
        """Both directions between this machine and its neighbor, as far as can be tried."""
        ...

    def bfd(self, router: str) -> BfdEnd | None:
        """The router's BFD; None where it cannot be asked."""
        ...

    def told(self, router: Router) -> Told:
        """What the router's BIRD says of its routes."""
        ...

    def log(self, router: Router) -> Log:
        """BIRD's log on the router."""
        ...

    def world(self, node: Node) -> World | None:
        """The cluster as this node sees it; None where it cannot be asked."""
        ...

    def untranslated(self, node: Node, address: str) -> bool | None:
        """Whether the node's load balancing lacks the address; None where it cannot be seen."""
        ...

    def unsteered(self, node: Node, pod: str) -> bool | None:
        """Whether the node has no egress rules for a pod's address; None as before."""
        ...
