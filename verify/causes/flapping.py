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
    "BFD": "BFD heard nothing for its detection time",
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
        elif is_recent and text.startswith(("Received: ", "Error: ", "Socket: ", "Connection ")):
            words[session][text] += 1
    return {
        session: Flaps(count, tuple(text for text, _ in words[session].most_common()))
        for session, count in losses.items()
        if count
    }


def causes(session: Session, found: Mapping[str, Flaps]) -> list[Cause]:
    """Whether the session flaps, and why."""
    name = session_name(session)
    lost = found.get(name)
    if lost is None or lost.losses < LOSSES:
        return []
    minutes = int(WITHIN.total_seconds()) // 60
    said = f' BIRD says "{lost.words[0]}"' if lost.words else ""
    means = next((m for key, m in _REASONS.items() if key in " ".join(lost.words[:1])), "")
    because = f";{said}{': ' if said and means else ''}{means}" if said or means else ""
    return [
        Cause(
            f"flapping: the session was lost {lost.losses} times within {minutes} minutes{because}",
            "look at the link and the load of both ends; timers must leave room for both "
            "(fabric.timers): `ping`, `ip -s link`, `top`, and the daemons' logs",
        )
    ]
