"""Looks at routers over SSH: sessions by BIRD's own word, routes by the kernel's.

Routes are read by iproute2's `ip -j` (OpenWrt's package `ip-full`): the `ip` of BusyBox leaves out
the next hops of a multipath route, of which there is one to every datacentre with two routers.
"""

from __future__ import annotations

import asyncio
import json
import shlex
from collections.abc import Mapping

from day1.errors import RouterError
from day1.ssh import Address, Answer, Connection, connected
from twin import birdc
from verify.announcements import QUESTIONS, Answers
from verify.metrics import Scraped
from verify.model import Observed, Sight, Table, Unseen
from verify.probes import table_of

#: Whichever of BIRD's clients is installed. A BIRD that is down has no sessions.
BIRDC = "$(command -v birdc || echo birdcl)"
_SESSIONS = f"{BIRDC} show protocols all"
_BFD = f"{BIRDC} show bfd sessions"
#: OpenWrt's own, or BusyBox's. Both have this option, and say last what went wrong.
_FETCH = "$(command -v uclient-fetch || echo wget) -O -"
#: By its path: some shells of BusyBox take their own `ip` before any other.
_ROUTES = "/sbin/ip -j route show table all"


def look_at_all(addresses: Mapping[str, Address], within_seconds: float) -> dict[str, Sight]:
    """What is to be seen on these routers, all at a time; or why one cannot be looked at."""

    async def gather() -> dict[str, Sight]:
        async with asyncio.TaskGroup() as tasks:
            found = {
                name: tasks.create_task(_look_or_say_why(address, within_seconds))
                for name, address in addresses.items()
            }
        return {name: task.result() for name, task in found.items()}

    return asyncio.run(gather())


def ask_all(addresses: Mapping[str, Address], within_seconds: float) -> dict[str, Answers]:
    """What each router's BIRD answers to the questions on announcements.

    One that cannot be asked is left out: that it does not answer has been found already.
    """

    async def ask(address: Address) -> Answers:
        async with connected(address, within_seconds) as connection:
            answers = [await connection.run(f"{BIRDC} {question}") for question in QUESTIONS]
        return [answer.output.decode().splitlines() for answer in answers]

    async def gather() -> list[Answers | BaseException]:
        return await asyncio.gather(*map(ask, addresses.values()), return_exceptions=True)

    found: dict[str, Answers] = {}
    for name, answers in zip(addresses, asyncio.run(gather()), strict=True):
        if isinstance(answers, RouterError):
            continue
        if isinstance(answers, BaseException):
            raise answers
        found[name] = answers
    return found


def run_all(
    addresses: Mapping[str, Address], command: str, within_seconds: float
) -> dict[str, str]:
    """What a command prints on each router; one that cannot be asked is left out."""

    async def run(address: Address) -> str | None:
        try:
            async with connected(address, within_seconds) as connection:
                return (await connection.run(command)).output.decode(errors="replace")
        except RouterError:
            return None

    async def gather() -> list[str | None]:
        return await asyncio.gather(*map(run, addresses.values()))

    answers = zip(addresses, asyncio.run(gather()), strict=True)
    return {name: said for name, said in answers if said is not None}


def scrape_all(
    addresses: Mapping[str, Address], urls: Mapping[str, str], within_seconds: float
) -> dict[str, Scraped]:
    """The metrics of these routers, each read on itself; those that cannot be asked are left out.

    A router listens on its LAN's address alone, to which there is no way from here.
    """

    async def scrape(name: str) -> Scraped | None:
        try:
            async with connected(addresses[name], within_seconds) as connection:
                return await _scrape(connection, urls[name])
        except RouterError:
            return None

    async def gather() -> list[Scraped | None]:
        return await asyncio.gather(*map(scrape, urls))

    found = zip(urls, asyncio.run(gather()), strict=True)
    return {name: scraped for name, scraped in found if scraped is not None}


async def _scrape(connection: Connection, url: str) -> Scraped:
    """A router that takes too long over its metrics is there, and has none."""
    try:
        page = await connection.run(f"{_FETCH} {shlex.quote(url)}")
        protocols, bfd = await asyncio.gather(connection.run(_SESSIONS), connection.run(_BFD))
    except RouterError as error:
        return Scraped(url, "itself", problem=str(error))
    if page.status != 0:
        return Scraped(url, "itself", problem=_problem(page))
    return Scraped(
        url,
        "itself",
        page.output.decode(errors="replace"),
        states=sessions(protocols.output.decode()),
        bfd=birdc.bfd_listed(bfd.output.decode().splitlines()),
    )


def _problem(answer: Answer) -> str:
    """The last line of what a command complained of."""
    return (answer.complaints.strip().splitlines() or [f"exit status {answer.status}"])[-1]


async def look(address: Address, within_seconds: float) -> Observed:
    """What is to be seen on one router. Raises `RouterError`."""
    async with connected(address, within_seconds) as connection:
        protocols, bfd, routes = await asyncio.gather(
            connection.run(_SESSIONS), connection.run(_BFD), _routes(connection, address)
        )
    return Observed(
        routes=table(routes),
        sessions=sessions(protocols.output.decode()),
        bfd=birdc.bfd_listed(bfd.output.decode().splitlines()),
    )


def sessions(protocols: str) -> dict[str, str]:
    """The state of each BGP session by its neighbor's address, from `birdc show protocols all`."""
    return birdc.states(protocols.splitlines())


def table(routes: str) -> Table:
    """The main routing table, from `ip -j route show table all`."""
    return table_of(json.loads(routes))


async def _routes(connection: Connection, address: Address) -> str:
    answer = await connection.run(_ROUTES)
    if answer.status != 0:
        raise RouterError(
            f"{address} cannot show its routes as JSON: its image needs the package ip-full "
            f"({answer.complaints.partition(chr(10))[0]})"
        )
    return answer.output.decode() or "[]"


async def _look_or_say_why(address: Address, within_seconds: float) -> Sight:
    try:
        return await look(address, within_seconds)
    except RouterError as error:
        return Unseen(str(error))
