"""What differs between what is expected of a machine and what is observed. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from verify.model import Check, Expected, Finding, Observed, Sight, Unseen

ESTABLISHED = "Established"
BFD_UP = "Up"


def all_differences(machines: Iterable[Expected], seen: Mapping[str, Sight]) -> Iterator[Finding]:
    """The differences of these machines, one after the other."""
    for machine in machines:
        yield from differences(machine, seen[machine.machine])


def differences(expected: Expected, seen: Sight) -> Iterator[Finding]:
    """Every session that is not up or not planned, every route missing, other or not planned.

    Of a machine that could not be looked at, only why.
    """
    if isinstance(seen, Unseen):
        yield Finding(expected.machine, Check.ANSWERS, seen.reason)
        return
    yield from _sessions(expected, seen)
    yield from _bfd(expected, seen)
    yield from _routes(expected, seen)


def _sessions(expected: Expected, observed: Observed) -> Iterator[Finding]:
    def finding(address: str, message: str) -> Finding:
        return Finding(expected.machine, Check.SESSIONS, message, address)

    for address, neighbor in expected.sessions.items():
        state = observed.sessions.get(address)
        if state is None:
            yield finding(address, f"no session with {neighbor} ({address}) is configured")
        elif state != ESTABLISHED:
            yield finding(address, f"the session with {neighbor} ({address}) is {state}")
    for address in sorted(observed.sessions.keys() - expected.sessions.keys()):
        yield finding(address, f"a session with {address} is not in the plan")


def _bfd(expected: Expected, observed: Observed) -> Iterator[Finding]:
    def finding(address: str, message: str) -> Finding:
        return Finding(expected.machine, Check.BFD, message, address)

    planned = expected.bfd_interval_ms, expected.bfd_timeout_ms
    for address, neighbor in expected.bfd.items():
        session = observed.bfd.get(address)
        what = f"BFD session with {neighbor} ({address})"
        if session is None:
            yield finding(address, f"no {what} is configured")
        elif session.state != BFD_UP:
            yield finding(address, f"the {what} is {session.state}")
        elif (session.interval_ms, session.timeout_ms) != planned:
            seen = f"{session.interval_ms} ms and a timeout of {session.timeout_ms} ms"
            message = f"the {what} has an interval of {seen}, not {planned[0]} and {planned[1]}"
            yield finding(address, message)
    for address in sorted(observed.bfd.keys() - expected.bfd.keys()):
        yield finding(address, f"a BFD session with {address} is not in the plan")


def _routes(expected: Expected, observed: Observed) -> Iterator[Finding]:
    def finding(prefix: str, message: str) -> Finding:
        ways = observed.routes.get(prefix, frozenset())
        return Finding(expected.machine, Check.ROUTES, message, prefix, ways)

    for prefix, ways in expected.routes.items():
        found = observed.routes.get(prefix)
        if found is None:
            yield finding(prefix, f"no route to {prefix}, planned by {_words(ways)}")
        elif found != ways:
            message = f"the route to {prefix} goes by {_words(found)}, not {_words(ways)}"
            yield finding(prefix, message)
    for prefix in sorted(observed.routes.keys() - expected.routes.keys()):
        # A machine of a plan without IPv6 may well have it, as OpenWrt does.
        if any(_is_ipv6(planned) == _is_ipv6(prefix) for planned in expected.routes):
            message = f"a route to {prefix} by {_words(observed.routes[prefix])} is not in the plan"
            yield finding(prefix, message)


def _is_ipv6(prefix: str) -> bool:
    return ":" in prefix


def _words(ways: frozenset[str]) -> str:
    return " and ".join(sorted(ways))
