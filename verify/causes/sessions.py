"""Why a session is not established: its firewall, address, AS, password, or the way between."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from config.sessions import Session
from verify.causes.evidence import Answer, End, Speaker, Way
from verify.model import Cause

#: One end of a session as it is planned, and as it is.
Side = tuple[Session, End]

_REFRESH = "`pulumi up --refresh` brings it back to the plan"


def causes(sides: Sequence[Side], ways: Sequence[Way]) -> list[Cause]:
    """What keeps the session from being established, from what is seen of its two ends.

    Several faults at a time are all named. Where none is to be seen, one cause says so.
    """
    found = [cause for session, end in sides for cause in _of_end(session, end)]
    found += _of_ways(sides, ways)
    if not found:
        words = {speaker.words for side in sides if (speaker := _speaker(*side)) and speaker.words}
        said = "".join(f' ("{text}")' for text in sorted(words))
        found.append(
            Cause(
                f"nothing is in its way: it was lost a moment ago, or comes up just now{said}",
                "look again in some seconds; if it stays so, the daemons' logs",
            )
        )
    return list(dict.fromkeys(found))


def _of_end(session: Session, end: End) -> Iterator[Cause]:
    """What this end is set to, against the plan; and whether its machine is as it should be."""
    neighbor, machine = f"{session.neighbor_name} ({session.neighbor})", end.machine
    own = str(session.local_address)
    if end.addresses is not None and own not in end.addresses:
        yield Cause(
            f"address mismatch: {machine} does not have its address {own}, to which "
            f"{session.neighbor_name} speaks",
            f"give {machine} its address back: {_REFRESH}",
        )
    for device in end.down:
        yield Cause(
            f"reachability: {device} of {machine} is down, by which it speaks with {neighbor}",
            f"find out what took it down, and `ip link set {device} up` on {machine}",
        )
    if end.speakers is None:
        yield Cause(f"{machine} has no BGP daemon that answers", f"its log says why; {_REFRESH}")
        return
    speaker = _speaker(session, end)
    if speaker is None:
        yield _no_neighbor(session, end)
        return
    if not speaker.is_enabled:
        yield Cause(
            f"{machine} has its session with {neighbor} disabled",
            f"`birdc enable {speaker.name}` on {machine}",
        )
    yield from _asns(session, speaker, machine)


def _asns(session: Session, speaker: Speaker, machine: str) -> Iterator[Cause]:
    remedy = f"correct it on {machine}: {_REFRESH}"
    if speaker.neighbor_asn != session.neighbor_asn:
        yield Cause(
            f"ASN mismatch: {machine} expects AS {speaker.neighbor_asn} of "
            f"{session.neighbor_name}, whose AS is {session.neighbor_asn}",
            remedy,
        )
    if speaker.local_asn != session.local_asn:
        yield Cause(
            f"ASN mismatch: {machine} says that it is of AS {speaker.local_asn} and not of "
            f"{session.local_asn}, which {session.neighbor_name} expects",
            remedy,
        )


def _no_neighbor(session: Session, end: End) -> Cause:
    others = sorted({speaker.neighbor for speaker in end.speakers or ()})
    instead = f", only for {', '.join(others)}" if others else ""
    return Cause(
        f"address mismatch: {end.machine} is set up for no neighbor at {session.neighbor}, which "
        f"is {session.neighbor_name}'s address{instead}",
        f"correct the neighbor's address on {end.machine}: {_REFRESH}",
    )


def _of_ways(sides: Sequence[Side], ways: Sequence[Way]) -> Iterator[Cause]:
    """What comes through. An end that is not set up for the other proves nothing of the way to it.

    A ping shows whether the way is there at all; where it is, what stops TCP is a rule.
    """
    heard = {end.machine for session, end in sides if _is_set_up(session, end)}
    is_there = all(_has_address(*side) and not side[1].down for side in sides)
    for way in ways:
        if way.answer is Answer.UNSIGNED and way.destination in heard:
            first, second = sorted((way.source, way.destination))
            yield Cause(
                f"password: {first} and {second} do not sign with the same password (TCP MD5)",
                "give both the same password: `pulumi up --refresh`, which sets it at either end",
            )
        elif not is_there:
            continue
        elif way.answer is Answer.UNREACHABLE or way.is_pinged is False:
            yield Cause(
                f"reachability: {way.destination} cannot be pinged from {way.source}, though their "
                "cards are up",
                "follow the way between them: cables, bridges, VLANs, and rules that drop all",
            )
        elif way.answer is Answer.REFUSED and way.listens is None:
            yield Cause(
                f"{way.destination} refuses connections from {way.source} to TCP port {way.port}: "
                "nothing listens there, or a firewall rejects them",
                f"see whether its BGP daemon runs, and for rules about port {way.port} on the way",
            )
        elif _is_stopped(way) and way.destination in heard:
            yield Cause(
                f"firewall: TCP to port {way.port} of {way.destination} is stopped on its way from "
                f"{way.source}",
                f"look for rules about port {way.port} in `nft list ruleset` on both; {_REFRESH}",
            )


def _is_stopped(way: Way) -> bool:
    if way.answer is Answer.REFUSED:
        return way.listens is True
    return way.answer is Answer.SILENT and way.is_pinged is True


def _is_set_up(session: Session, end: End) -> bool:
    speaker = _speaker(session, end)
    return speaker is not None and speaker.is_enabled


def _has_address(session: Session, end: End) -> bool:
    return end.addresses is None or str(session.local_address) in end.addresses


def _speaker(session: Session, end: End) -> Speaker | None:
    mine = (s for s in end.speakers or () if s.neighbor == str(session.neighbor))
    return next(mine, None)
