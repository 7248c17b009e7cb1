"""Looks at a twin's machines: sessions by BIRD's and GoBGP's own word, routes by the kernel's."""

from __future__ import annotations

import http.client
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import replace
from typing import cast
from urllib.parse import urlsplit

from config.machines import Router
from config.plan import Plan
from twin import birdc, gobgp, iproute, namespaces
from twin.gobgpd import api_socket
from twin.place import Place
from twin.router import control_socket
from verify import metrics
from verify.announcements import QUESTIONS, Answers
from verify.metrics import Scraped
from verify.model import DEFAULT, DEFAULT_IPV6, UNREACHABLE, Expected, Kind, Observed, Table

_LINK_LOCAL = "fe80::/64"
_SCRAPE_SECONDS = 10.0


def look(stack: str, expected: Expected) -> Observed:
    """What is to be seen on the machine now. One that is gone shows nothing."""
    place = Place(stack, expected.machine)
    if not place.stands:
        return Observed(routes={})
    return Observed(table(place), sessions(place, expected), bfd(place, expected))


def table(place: Place) -> Table:
    """The machine's main routing table, whole."""
    (routes,) = iproute.query(place.namespace, ["route show table all"])
    return table_of(routes)


def table_of(routes: Iterable[Mapping[str, object]]) -> Table:
    """The main routing table of both families, from `ip -json route show table all`.

    Less what IPv6 has on each device by itself: the addresses of the link.
    """
    main = (route for route in routes if "table" not in route)
    return {_prefix(route): ways(route) for route in main if route["dst"] != _LINK_LOCAL}


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


def bfd(place: Place, expected: Expected) -> Mapping[str, birdc.BfdSession]:
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


def scrape_routers(stack: str, plan: Plan) -> dict[str, Scraped]:
    """What each router's metrics and its BIRD tell, where routers have metrics.

    They are read from a node, through its LAN and the routers between: so a firewall in the way is
    found as well.
    """
    reader = Place(stack, plan.nodes[0].name)
    wanted = metrics.expected(plan)
    return {r.name: _scraped(stack, r, reader) for r in plan.routers if r.name in wanted}


def _scraped(stack: str, router: Router, reader: Place) -> Scraped:
    where = metrics.url(router)
    try:
        page = scrape(reader, where)
    except OSError as error:
        return Scraped(where, reader.machine, problem=str(error))
    socket = control_socket(Place(stack, router.name))
    found = Scraped(where, reader.machine, page)
    with suppress(birdc.BirdError):
        found = replace(found, states=birdc.sessions(socket), bfd=birdc.bfd_sessions(socket))
    return found


def scrape(reader: Place, url: str) -> str:
    """A router's metrics, as the machine of that place gets them. Raises `OSError`."""
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.netloc, timeout=_SCRAPE_SECONDS)
    with namespaces.inside(reader.namespace):
        try:
            connection.request("GET", parts.path)
            answer = connection.getresponse()
            text = answer.read().decode()
        except http.client.HTTPException as error:
            raise OSError(f"no HTTP: {error!r}") from error
        finally:
            connection.close()
    if answer.status != http.HTTPStatus.OK:
        raise OSError(f"status {answer.status}")
    return text


def _prefix(route: Mapping[str, object]) -> str:
    """The route's prefix. A default route says by its next hops which family's it is."""
    is_ipv6 = any(":" in way for way in ways(route))
    return DEFAULT_IPV6 if route["dst"] == DEFAULT and is_ipv6 else str(route["dst"])


def ways(route: Mapping[str, object]) -> frozenset[str]:
    """Where a route of `ip -json` leads: see `verify.model.Table`."""
    if route.get("type") == UNREACHABLE:
        return frozenset({UNREACHABLE})
    hops = cast("list[Mapping[str, object]]", route.get("nexthops", [route]))
    return frozenset(str(hop.get("gateway", hop.get("dev"))) for hop in hops)
