"""Looks at a twin's machines: sessions by BIRD's and GoBGP's own word, routes by the kernel's."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from typing import cast

from config.plan import Plan
from twin import birdc, gobgp, iproute
from twin.gobgpd import api_socket
from twin.place import Place
from twin.router import control_socket
from verify.announcements import QUESTIONS, Answers
from verify.model import UNREACHABLE, Expected, Kind, Observed, Table


def look(stack: str, expected: Expected) -> Observed:
    """What is to be seen on the machine now. One that is gone shows nothing."""
    place = Place(stack, expected.machine)
    if not place.stands:
        return Observed(routes={})
    return Observed(table(place), sessions(place, expected), bfd(place, expected))


def table(place: Place) -> Table:
    """The machine's main routing table, whole."""
    (routes,) = iproute.query(place.namespace, ["route show"])
    return {str(route["dst"]): ways(route) for route in routes}


def sessions(place: Place, expected: Expected) -> Mapping[str, str]:
    """The machine's BGP sessions by the neighbor's address. A daemon that is down has none."""
    if not expected.sessions:
        return {}
    if expected.kind is Kind.ROUTER:
        with suppress(birdc.BirdError):
            return birdc.sessions(control_socket(place))
    elif expected.kind is Kind.NODE:
        with suppress(gobgp.GobgpError), gobgp.connect(api_socket(place)) as client:
            return {str(address): state for address, state in client.sessions().items()}
    return {}


def bfd(place: Place, expected: Expected) -> Mapping[str, str]:
    """A router's BFD sessions by the neighbor's address. A daemon that is down has none."""
    if expected.kind is Kind.ROUTER:
        with suppress(birdc.BirdError):
            return birdc.bfd_sessions(control_socket(place))
    return {}


def ask_routers(stack: str, plan: Plan) -> dict[str, Answers]:
    """What each router's BIRD answers to the questions on announcements."""
    found: dict[str, Answers] = {}
    for router in plan.routers:
        socket = control_socket(Place(stack, router.name))
        with suppress(birdc.BirdError):
            found[router.name] = [birdc.ask(socket, question) for question in QUESTIONS]
    return found


def ways(route: Mapping[str, object]) -> frozenset[str]:
    """Where a route of `ip -json` leads: see `verify.model.Table`."""
    if route.get("type") == UNREACHABLE:
        return frozenset({UNREACHABLE})
    hops = cast("list[Mapping[str, object]]", route.get("nexthops", [route]))
    return frozenset(str(hop.get("gateway", hop.get("dev"))) for hop in hops)
