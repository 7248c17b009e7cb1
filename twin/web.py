"""A twin router's web server: BusyBox's httpd in uhttpd's place, by /etc/config/uhttpd.

Both run the scripts of the same folder by CGI (RFC 3875). Of a script that has an interpreter by
its ending, uhttpd does not ask whether it is executable; httpd does, so here it is made so.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from twin import daemons, uci
from twin.place import Place

CONFIGURATION = "/etc/config/uhttpd"
PROGRAM = "busybox"

_LIMIT_SECONDS = 10


class SilentError(RuntimeError):
    """The server does not listen where the file says. Holds its own last words."""


@dataclass(frozen=True, slots=True)
class Server:
    """Where it listens, and the folder it serves."""

    address: str
    port: int
    home: str


def server(text: str) -> Server:
    """What the file says of the one server in it."""
    (section,) = (found for found in uci.parse(text) if found.type == "uhttpd")
    (listen,) = section.values("listen_http")
    address, _, port = listen.rpartition(":")
    return Server(address, int(port), section.get("home"))


def is_script(path: str) -> bool:
    """Whether the file is one that the server runs."""
    return path.endswith(".sh")


def run(place: Place, text: str | None, environment: Mapping[str, str], *, is_other: bool) -> None:
    """Have the server run as the file says, anew if the file is another; or not, without a file.

    Scripts see `environment`. Raises `SilentError` if nothing listens in the end.
    """
    if text is None or is_other:
        daemons.end_all(place.folder, PROGRAM)
    if text is None or daemons.running_in(place.folder, PROGRAM):
        return
    wanted = server(text)
    home = place.folder / wanted.home.lstrip("/")
    command = [PROGRAM, "httpd", "-f", "-p", f"{wanted.address}:{wanted.port}", "-h", str(home)]
    daemons.start(place.namespace, command, folder=place.folder, environment=environment)
    _await(place, wanted)


def _await(place: Place, wanted: Server) -> None:
    """Wait until it listens, some milliseconds after it was started, or has ended."""
    deadline = time.monotonic() + _LIMIT_SECONDS
    while running := daemons.running_in(place.folder, PROGRAM):
        if any(map(_listens, running)):
            return
        if time.monotonic() > deadline:
            break
        time.sleep(0.005)
    raise SilentError(
        f"the web server of {place.machine} does not listen at {wanted.address}:{wanted.port}: "
        f"{_last_words(place.folder / f'{PROGRAM}.log')}"
    )


def _listens(process: int) -> bool:
    """Whether one of the process' own sockets listens (proc_pid_net(5), `tcp`, `tcp6`)."""
    with suppress(OSError):  # it may end meanwhile
        sockets = {str(entry.readlink()) for entry in Path(f"/proc/{process}/fd").iterdir()}
        tables = [Path(f"/proc/{process}/net/{name}") for name in ("tcp", "tcp6")]
        fields = [line.split() for table in tables for line in table.read_text().splitlines()[1:]]
        return any(f[3] == _LISTEN and f"socket:[{f[9]}]" in sockets for f in fields)
    return False


_LISTEN = "0A"  # <net/tcp_states.h>


def _last_words(log: Path) -> str:
    lines = log.read_text(errors="replace").split("\n") if log.exists() else []
    return next((line for line in reversed(lines) if line.strip()), "it said nothing")
