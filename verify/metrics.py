"""Reads the routers' metrics as a Prometheus would, and compares them with BIRD's own word.

They are read from a node, through its LAN and the routers between: so a firewall in the way is
found as well.
"""

from __future__ import annotations

import http.client
import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress

from config.families import Address, with_port
from config.machines import Router
from config.observability import ROUTER_PORT
from config.plan import Plan
from render import metrics
from render.bird import session_name
from twin import birdc, namespaces
from twin.place import Place
from twin.router import control_socket
from verify.compare import BFD_UP, ESTABLISHED
from verify.model import Check, Finding

_LIMIT_SECONDS = 10.0

#: `bird_protocol_up` of a BGP session, with its name and its value.
_UP = re.compile(r'bird_protocol_up\{name="([^"]+)",proto="BGP",.*\} ([01])')

#: The same of a BFD session, with its neighbor's address.
_BFD_UP = re.compile(r'bird_bfd_session_up\{.*ip="([^"]+)".*\} ([01])')


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


def findings(stack: str, plan: Plan) -> list[Finding]:
    """What is wrong with the metrics of each router that should have them."""
    wanted = expected(plan)
    reader = Place(stack, plan.nodes[0].name)
    return [
        Finding(router.name, Check.METRICS, message)
        for router in plan.routers
        if router.name in wanted
        for message in _of_router(stack, reader, router, wanted[router.name])
    ]


def scrape(reader: Place, address: Address) -> str:
    """A router's metrics, as the machine of that place gets them. Raises `OSError`."""
    connection = http.client.HTTPConnection(str(address), ROUTER_PORT, timeout=_LIMIT_SECONDS)
    with namespaces.inside(reader.namespace):
        try:
            connection.request("GET", metrics.PATH)
            answer = connection.getresponse()
            text = answer.read().decode()
        except http.client.HTTPException as error:
            raise OSError(f"no HTTP: {error!r}") from error
        finally:
            connection.close()
    if answer.status != http.HTTPStatus.OK:
        raise OSError(f"status {answer.status}")
    return text


def ups(text: str) -> dict[str, bool]:
    """Whether each BGP session is up, by its name, as metrics have it."""
    lines = (_UP.fullmatch(line) for line in text.splitlines())
    return {found[1]: found[2] == "1" for found in lines if found}


def bfd_ups(text: str) -> dict[str, bool]:
    """Whether each BFD session is up, by its neighbor's address."""
    lines = (_BFD_UP.fullmatch(line) for line in text.splitlines())
    return {found[1]: found[2] == "1" for found in lines if found}


def _of_router(
    stack: str, reader: Place, router: Router, wanted: Mapping[Address, str]
) -> Iterator[str]:
    where = with_port(router.lan.address.ip, ROUTER_PORT)
    try:
        text = scrape(reader, router.lan.address.ip)
    except OSError as error:
        yield f"no metrics at {where}, asked from {reader.machine}: {error}"
        return
    socket = control_socket(Place(stack, router.name))
    states: Mapping[str, str] = {}
    bfd: Mapping[str, birdc.BfdSession] = {}
    with suppress(birdc.BirdError):
        states, bfd = birdc.sessions(socket), birdc.bfd_sessions(socket)
    yield from disagreements(ups(text), states, wanted.items())
    yield from bfd_disagreements(bfd_ups(text), bfd)


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
    told: Mapping[str, bool], sessions: Mapping[str, birdc.BfdSession]
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
