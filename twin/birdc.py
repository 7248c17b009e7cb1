"""Speaks to a running BIRD over its control socket, as `birdc` does (BIRD manual, section 4)."""

from __future__ import annotations

import socket
from collections.abc import Iterable
from contextlib import suppress
from ipaddress import ip_address
from pathlib import Path

#: How long BIRD may take over one command.
_LIMIT_SECONDS = 10.0


class BirdError(RuntimeError):
    """BIRD refused a command, or does not answer."""


def ask(control_socket: Path, command: str) -> list[str]:
    """Send one command; the lines of the answer without their codes.

    Raises `BirdError` with BIRD's words for codes 8000 to 9999, which are errors.
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
        raise BirdError("; ".join(lines))
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


def bfd_sessions(control_socket: Path) -> dict[str, str]:
    """The state of each BFD session by its neighbor's address, in RFC 5880's words.

    Raises `BirdError` also where there is no such protocol.
    """
    return bfd_states(ask(control_socket, "show bfd sessions"))


def bfd_states(lines: Iterable[str]) -> dict[str, str]:
    """The same from the lines of `show bfd sessions`, wherever they were printed.

    Its columns: address, interface, state, since, interval, timeout. Other lines are a protocol's
    name, titles, or a sentence that there is no such protocol.
    """
    rows = (line.split() for line in lines)
    return {row[0]: row[2] for row in rows if len(row) > 2 and _is_address(row[0])}


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
