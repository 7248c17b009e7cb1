"""Why a session is down, where less is to be seen than on a twin."""

from dataclasses import replace

import pytest

from config.load import load
from config.plan import make_plan
from verify.causes.evidence import Answer, End, Speaker, Way
from verify.causes.sessions import Side, causes

PLAN = make_plan(load({"datacentres": 2}))
HERE, THERE = "dc1-router1", "dc2-router1"


def side(machine: str, neighbor: str) -> Side:
    """An end that is set up as it is planned, on a machine whose cards cannot be seen."""
    session = next(s for s in PLAN.sessions[machine] if s.neighbor_name == neighbor)
    speaker = Speaker(str(session.neighbor), session.neighbor_asn, session.local_asn, "session")
    return session, End(machine, (speaker,))


SIDES = (side(HERE, THERE), side(THERE, HERE))


def said(*ways: Way) -> list[str]:
    return [cause.cause for cause in causes(SIDES, ways)]


def way(answer: Answer, *, is_pinged: bool | None = True, listens: bool | None = None) -> Way:
    return Way(HERE, THERE, 179, answer, is_pinged, listens)


@pytest.mark.parametrize(
    ("found", "begins"),
    [
        (way(Answer.SILENT), "firewall: "),
        (way(Answer.REFUSED, listens=True), "firewall: "),
        (way(Answer.REFUSED), "dc2-router1 refuses connections "),
        (way(Answer.UNSIGNED), "password: "),
        (way(Answer.UNREACHABLE), "reachability: "),
        (way(Answer.SILENT, is_pinged=False), "reachability: "),
        (way(Answer.SILENT, is_pinged=None), "nothing is in its way"),
        (way(Answer.UNKNOWN), "nothing is in its way"),
        (way(Answer.OPEN), "nothing is in its way"),
    ],
)
def test_what_comes_through_tells_the_cause(found: Way, begins: str) -> None:
    (cause,) = said(found)
    assert cause.startswith(begins)


def test_a_way_to_an_end_that_is_not_set_up_tells_nothing_of_passwords_and_rules() -> None:
    (session, end), near = side(THERE, HERE), side(HERE, THERE)
    assert end.speakers is not None
    other = replace(end.speakers[0], neighbor="192.0.2.1")
    sides = [near, (session, replace(end, speakers=(other,)))]
    for answer in (Answer.UNSIGNED, Answer.SILENT):
        (cause,) = causes(sides, [way(answer)])
        assert cause.cause.startswith("address mismatch: dc2-router1 is set up for no neighbor at ")


def test_the_last_error_of_a_daemon_is_given_where_no_cause_is_seen() -> None:
    (session, end), far = SIDES
    assert end.speakers is not None
    speaker = replace(end.speakers[0], words="Received: Connection collision resolution")
    (cause,) = causes([(session, replace(end, speakers=(speaker,))), far], [])
    assert cause.cause.endswith('("Received: Connection collision resolution")')
