"""Speaks to a running BIRD over its control socket, as `birdc` does (BIRD manual, section 4)."""

from __future__ import annotations

import socket
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from ipaddress import ip_address
from pathlib import Path

#: How long BIRD may take over one command.
_LIMIT_SECONDS = 10.0


class BirdError(RuntimeError):
    """BIRD refused a command, or does not answer."""


class RefusedError(BirdError):
    """BIRD answers, and what it answers is an error."""


@dataclass(frozen=True, slots=True)
class BfdSession:
    """A BFD session: its `state` in RFC 5880's words, `since` when if that is told with its day.

    `interval_ms` is between two packets sent, `timeout_ms` without one heard means a loss. Both are
    what the two ends have agreed upon (RFC 5880, section 6.8), and settle once the session is up.
    """

    state: str
    interval_ms: int
    timeout_ms: int
    since: datetime | None = None


def ask(control_socket: Path, command: str) -> list[str]:
    """Send one command; the lines of the answer without their codes.

    Raises `RefusedError` with BIRD's words for codes 8000 to 9999, which are errors.
    """
    try:
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(_LIMIT_SECONDS)
            connection.connect(str(control_socket))
            with connection.makefile("rw", encoding="utf-8", newline="\n") as stream:
                _answer(stream)  # the greeting
                stream.write(f"{command}\n")
                stream.flush()
                code, lines = _answer(stream)
    except OSError as error:
        raise BirdError(
            f"BIRD does not answer at {control_socket}: {error.strerror or error}"
        ) from None
    if code >= 8000:
        raise RefusedError("; ".join(lines))
    return lines


def sessions(control_socket: Path) -> dict[str, str]:
    """The state of each BGP session by its neighbor's address, in RFC 4271's words."""
    return states(ask(control_socket, "show protocols all"))


def states(lines: Iterable[str]) -> dict[str, str]:
    """The same from the lines of `show protocols all`, wherever they were printed.

    Each protocol's lines have `BGP state` before `Neighbor address`; others have neither.
    """
    found: dict[str, str] = {}
    state = ""
    for line in lines:
        key, _, value = line.strip().partition(":")
        if key == "BGP state":
            state = value.strip()
        elif key == "Neighbor address":
            found[value.strip()] = state
    return found


def bfd_sessions(control_socket: Path) -> dict[str, BfdSession]:
    """The BFD sessions by the neighbor's address; none where there is no such protocol."""
    with suppress(RefusedError):
        return bfd_listed(ask(control_socket, "show bfd sessions"))
    return {}


def bfd_listed(lines: Iterable[str]) -> dict[str, BfdSession]:
    """The same from the lines of `show bfd sessions`, wherever they were printed.

    Its columns: address, interface, state, since, interval, timeout, the last two in seconds
    (BIRD's proto/bfd/bfd.c, `bfd_show_sessions`). Other lines are a protocol's name, titles, or a
    sentence that there is no such protocol.
    """
    found: dict[str, BfdSession] = {}
    for line in lines:
        match line.split():
            case [address, _interface, state, *since, interval, timeout] if _is_address(address):
                found[address] = BfdSession(
                    state, _milliseconds(interval), _milliseconds(timeout), _time(since)
                )
    return found


def _milliseconds(seconds: str) -> int:
    return round(float(seconds) * 1000)


def _time(words: list[str]) -> datetime | None:
    """As `timeformat protocol iso long ms` has it; others lack the day."""
    with suppress(ValueError):
        return datetime.fromisoformat(" ".join(words))
    return None


def _is_address(text: str) -> bool:
    with suppress(ValueError):
        return bool(ip_address(text))
    return False


def _answer(stream: Iterable[str]) -> tuple[int, list[str]]:
    """Lines are `CODE-text`, ` text` (the same code) and, last, `CODE text`."""
    lines: list[str] = []
    for line in stream:
        text = line.rstrip("\n")
        if text.startswith("+"):  # asynchronous messages are not part of the answer
            continue
        continued = text.startswith(" ")
        lines.append(text[1:] if continued else text[5:])
        if not continued and text[4:5] == " ":
            return int(text[:4]), [found for found in lines if found]
    raise BirdError("BIRD closed the connection in the middle of an answer")
