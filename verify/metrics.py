"""The routers' metrics, as a Prometheus would read them, compared with BIRD's own word."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from config.families import Address, with_port
from config.machines import Router
from config.observability import ROUTER_PORT
from config.plan import Plan
from render import metrics
from render.bird import session_name
from twin.birdc import BfdSession
from verify.compare import BFD_UP, ESTABLISHED
from verify.model import Check, Finding

#: `bird_protocol_up` of a BGP session, with its name and its value.
_UP = re.compile(r'bird_protocol_up\{name="([^"]+)",proto="BGP",.*\} ([01])')


#: The same of a BFD session, with its neighbor's address.
_BFD_UP = re.compile(r'bird_bfd_session_up\{.*ip="([^"]+)".*\} ([01])')


@dataclass(frozen=True, slots=True)
class Scraped:
    """A router's metrics as `reader` got them from `url`, or a `problem` instead of a `page`.

    `states` are those of its BGP sessions at that moment, `bfd` are its BFD sessions, by BIRD's own
    word and by neighbor.
    """

    url: str
    reader: str
    page: str = ""
    problem: str = ""
    states: Mapping[str, str] = field(default_factory=dict)
    bfd: Mapping[str, BfdSession] = field(default_factory=dict)


def expected(plan: Plan) -> Mapping[str, Mapping[Address, str]]:
    """The sessions that each router's metrics must have, by neighbor; no router where it is off."""
    if not plan.observability.routers:
        return {}
    return {
        router.name: {
            session.neighbor: session_name(session) for session in plan.sessions[router.name]
        }
        for router in plan.routers
    }


def counts(plan: Plan) -> dict[str, dict[Check, int]]:
    """How much is checked of each router: that it answers, and each session."""
    return {
        router: {Check.METRICS: 1 + len(sessions)} for router, sessions in expected(plan).items()
    }


def findings(plan: Plan, scraped: Mapping[str, Scraped]) -> Iterator[Finding]:
    """What is wrong with the metrics of each router that should have them, of those looked at."""
    for router, wanted in expected(plan).items():
        if found := scraped.get(router):
            for message in _of_router(found, wanted):
                yield Finding(router, Check.METRICS, message)


def url(router: Router) -> str:
    """Where a router is asked for its metrics."""
    return f"http://{with_port(router.lan.address.ip, ROUTER_PORT)}{metrics.PATH}"


def ups(text: str) -> dict[str, bool]:
    """Whether each BGP session is up, by its name, as metrics have it."""
    lines = (_UP.fullmatch(line) for line in text.splitlines())
    return {found[1]: found[2] == "1" for found in lines if found}


def bfd_ups(text: str) -> dict[str, bool]:
    """Whether each BFD session is up, by its neighbor's address."""
    lines = (_BFD_UP.fullmatch(line) for line in text.splitlines())
    return {found[1]: found[2] == "1" for found in lines if found}


def _of_router(found: Scraped, wanted: Mapping[Address, str]) -> Iterator[str]:
    if found.problem:
        yield f"no metrics at {found.url}, asked from {found.reader}: {found.problem}"
    else:
        yield from disagreements(ups(found.page), found.states, wanted.items())
        yield from bfd_disagreements(bfd_ups(found.page), found.bfd)


def disagreements(
    told: Mapping[str, bool], states: Mapping[str, str], wanted: Iterable[tuple[Address, str]]
) -> Iterator[str]:
    """Where what metrics tell of sessions is not what BIRD says of them."""
    for neighbor, name in wanted:
        state = states.get(str(neighbor), "not there")
        if name not in told:
            yield f"the metrics have no session {name}"
        elif told[name] != (state == ESTABLISHED):
            yield f"by the metrics {name} is {_word(told[name])}, by BIRD it is {state}"


def bfd_disagreements(
    told: Mapping[str, bool], sessions: Mapping[str, BfdSession]
) -> Iterator[str]:
    """The same of the BFD sessions that BIRD has, be they planned or not."""
    for neighbor, session in sessions.items():
        if neighbor not in told:
            yield f"the metrics have no BFD session with {neighbor}"
        elif told[neighbor] != (session.state == BFD_UP):
            yield (
                f"by the metrics BFD with {neighbor} is {_word(told[neighbor])}, by BIRD it is "
                f"{session.state}"
            )


def _word(is_up: bool) -> str:
    return "up" if is_up else "down"
