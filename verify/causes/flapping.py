"""Sessions that go up and down: how often lately, and for which reason, by BIRD's own log.

BIRD logs each state that a session comes to (`debug protocols { states }`), and the errors between
(BIRD User's Guide, "Global options").
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from config.sessions import Session
from render.bird import session_name
from verify.model import Cause

#: From so many losses within so long a time a session is said to flap. One `up` may make two.
LOSSES = 3
WITHIN = timedelta(minutes=10)

#: Time, class, session and text. Where the log is syslog's, more comes before the class.
_LINE = re.compile(
    r"(?P<time>\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(\.\d+)?) .*?"
    r"<\w+> (?P<session>\w+): (?P<text>.*)"
)

_UP, _DOWN = "State changed to up", re.compile(r"State changed to (stop|down|start)")

#: What errors begin with; and one that belongs to coming up, where both ends dial at a time.
_ERRORS = ("Received: ", "Error: ", "Socket: ", "Connection ")
_COLLISION = "Connection collision resolution"

#: What BIRD says of a loss, and what it mostly comes of.
_REASONS = {
    "Hold timer expired": "nothing was heard for the hold time: a link that loses packets, or an "
    "end that has too little CPU",
    "Neighbor lost": "the link went down, or BFD heard nothing",
    "Link down": "the link went down",
    "Connection": "the connection was closed or reset by the other end or by the way",
    "Cease": "the other end ended it",
    "Administrative": "an operator or a program resets it",
    "Route limit": "its limit of routes ends it each time",
}


@dataclass(frozen=True, slots=True)
class Flaps:
    """How often a session was lost, and what BIRD said of it, most frequent first."""

    losses: int
    words: tuple[str, ...]


def flaps(log: Iterable[str], now: datetime) -> Mapping[str, Flaps]:
    """The losses of each session within the last while, by BIRD's name of the session."""
    losses: Counter[str] = Counter()
    words: defaultdict[str, Counter[str]] = defaultdict(Counter)
    is_up: set[str] = set()
    for line in log:
        found = _LINE.search(line)
        if not found:
            continue
        session, text = found["session"], found["text"]
        is_recent = now - datetime.fromisoformat(found["time"]) <= WITHIN
        if text == _UP:
            is_up.add(session)
        elif _DOWN.match(text):
            losses[session] += session in is_up and is_recent
            is_up.discard(session)
        elif is_recent and text.startswith(_ERRORS) and _COLLISION not in text:
            words[session][text] += 1
    return {
        session: Flaps(count, tuple(text for text, _ in words[session].most_common()))
        for session, count in losses.items()
        if count
    }


def of(session: Session, found: Mapping[str, Flaps]) -> Flaps | None:
    """What was found of the session, where that is flapping."""
    lost = found.get(session_name(session))
    return lost if lost and lost.losses >= LOSSES else None


def cause(lost: Flaps) -> Cause:
    """Why a session flaps. BIRD logs an error unless a link, BFD or an operator ends it."""
    minutes = int(WITHIN.total_seconds()) // 60
    because = "BIRD logs no error, as where a link, BFD or an operator ends it"
    if lost.words:
        means = next((means for key, means in _REASONS.items() if key in lost.words[0]), "")
        because = f'BIRD says "{lost.words[0]}"{": " if means else ""}{means}'
    return Cause(
        f"flapping: the session was lost {lost.losses} times within {minutes} minutes; {because}",
        "look at the link and the load of both ends; timers must leave room for both "
        "(fabric.timers, fabric.redundancy.bfd): `ping`, `ip -s link`, `top`, and the daemons' "
        "logs",
    )
