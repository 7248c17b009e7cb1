"""Why a BFD session between routers is not up, or finds losses sooner or later than planned.

A session's state says what its end hears (RFC 5880, section 6.8.6): an end that hears nothing is
Down, and one that hears an end that is Down is Init.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from datetime import timedelta

from config.plan import Plan
from config.sessions import Session, SessionKind
from render import bird
from twin.birdc import BfdSession
from verify.causes import subjects
from verify.causes.evidence import BfdEnd, Witness
from verify.compare import BFD_UP
from verify.model import Cause

#: RFC 5880, section 6.1.
_DOWN, _INIT = "Down", "Init"

#: Longer than two ends take to hear each other: until then they send a packet a second.
_SETTLED = timedelta(seconds=5)

#: Of what BIRD reads as the times of `protocol bfd`, each in ms.
_INTERVAL = re.compile(r"^\s*interval (\d+) (ms|s);", re.MULTILINE)
_MULTIPLIER = re.compile(r"^\s*multiplier (\d+);", re.MULTILINE)
_UNITS_MS = {"ms": 1, "s": 1000}

#: One end of a session as it is planned, and its router's BFD.
Side = tuple[Session, BfdEnd]


def sides(plan: Plan, witness: Witness, session: Session, machine: str) -> list[Side]:
    """Both ends of a session between routers, as far as they can be looked at."""
    if not plan.bfd.enabled or session.neighbor_kind is not SessionKind.ROUTER:
        return []
    ends = [(machine, session), (session.neighbor_name, subjects.back(plan, session))]
    seen = [(of, witness.bfd(name)) for name, of in ends]
    return [(of, end) for of, end in seen if end is not None]


def causes(plan: Plan, both: Sequence[Side]) -> Iterator[Cause]:
    """What keeps the session between these ends from being up, or as quick as planned."""
    off = [(of, end) for of, end in both if _session(of, end) is None]
    for of, end in off:
        where = f"{of.neighbor_name} ({of.neighbor})"
        yield Cause(
            f"BFD off: {end.machine} runs no BFD with {where}",
            f"turn it on: `protocol bfd` and the session's `bfd` in {bird.CONFIGURATION} on "
            f"{end.machine}; `pulumi up --refresh` brings it back to the plan",
        )
    if off or len(both) < 2:
        return
    if all(_state(*side) == BFD_UP for side in both):
        yield from other_timers(plan, both)
    elif all(_is_settled(*side) for side in both):
        yield from _stopped(both)
    else:
        yield Cause(
            "nothing is in the way of BFD: it was lost a moment ago, or comes up just now",
            "look again in some seconds",
        )


def other_timers(plan: Plan, both: Sequence[Side]) -> Iterator[Cause]:
    """Who has BFD with other times than the plan, by the file that its BIRD has read."""
    planned = plan.bfd.interval_ms, plan.bfd.multiplier
    found = [(end.machine, times) for _, end in both if (times := _times(end)) != planned]
    for machine, (interval, multiplier) in found:
        yield Cause(
            f"BFD timers: {machine} has an interval of {interval} ms and a multiplier of "
            f"{multiplier}, and planned are {planned[0]} ms and {planned[1]}",
            f"correct `protocol bfd` in {bird.CONFIGURATION} on {machine}: `pulumi up --refresh` "
            "brings it back to the plan",
        )
    if not found:
        names = " or ".join(end.machine for _, end in both)
        yield Cause(
            f"BFD timers: BIRD on {names} runs with others than its {bird.CONFIGURATION} has",
            "`birdc configure` on both",
        )


def hasty(plan: Plan, both: Sequence[Side]) -> Iterator[Cause]:
    """Of a session that flaps: BFD that takes shorter pauses for a loss than it should."""
    planned = plan.bfd.detection_time_ms
    found = [_session(*side) for side in both]
    if any(session and 0 < session.timeout_ms < planned for session in found):
        yield from other_timers(plan, both)


def _stopped(both: Sequence[Side]) -> Iterator[Cause]:
    """Where the packets end: each end that is Down hears nothing."""
    for of, end in both:
        if _state(of, end) == _DOWN:
            yield Cause(
                f"firewall: BFD (UDP port 3784) to {end.machine} is stopped on its way from "
                f"{of.neighbor_name}",
                "look for rules about the port in `nft list ruleset` on both; `pulumi up "
                "--refresh` brings it back to the plan",
            )


def _is_settled(of: Session, end: BfdEnd) -> bool:
    """Whether the end has been without its neighbor for so long that it stays so."""
    session = _session(of, end)
    return (
        session is not None
        and session.state in (_DOWN, _INIT)
        and session.since is not None
        and end.now - session.since > _SETTLED
    )


def _state(of: Session, end: BfdEnd) -> str:
    session = _session(of, end)
    return session.state if session else ""


def _session(of: Session, end: BfdEnd) -> BfdSession | None:
    return end.sessions.get(str(of.neighbor))


def _times(end: BfdEnd) -> tuple[int, int]:
    """Interval in ms and multiplier. What is not there is 0."""
    interval, multiplier = (p.search(end.configuration) for p in (_INTERVAL, _MULTIPLIER))
    return (
        int(interval[1]) * _UNITS_MS[interval[2]] if interval else 0,
        int(multiplier[1]) if multiplier else 0,
    )
