"""The processes behind services: starting and ending those of a node, and telling who lives."""

from __future__ import annotations

import socket
import sys
from collections.abc import Iterable, Sequence
from contextlib import suppress
from pathlib import Path

from twin import daemons
from twin.place import Place
from twin.services import Endpoint

PROGRAM = "twin.httpd"

#: Where the program's own packages are.
SOURCES = Path(__file__).resolve().parent.parent


def life_socket(stack: str, endpoint: Endpoint) -> Path:
    """Where a backend accepts those who want to know that it lives."""
    return Place(stack, endpoint.pod).folder / "alive"


def connect(stack: str, endpoint: Endpoint) -> socket.socket | None:
    """A connection that lasts as long as the backend does; None where there is no backend."""
    link = socket.socket(socket.AF_UNIX)
    try:
        link.connect(str(life_socket(stack, endpoint)))
    except OSError:
        link.close()
        return None
    return link


def ready(stack: str, endpoints: Iterable[Endpoint]) -> frozenset[str]:
    """The pods whose backends live at this moment."""
    found = set()
    for endpoint in endpoints:
        if link := connect(stack, endpoint):
            link.close()
            found.add(endpoint.pod)
    return frozenset(found)


def keep_running(stack: str, endpoints: Iterable[Endpoint]) -> None:
    """Start those that do not run."""
    for endpoint in endpoints:
        place = Place(stack, endpoint.pod)
        if not is_running(stack, endpoint):
            command = [
                *(sys.executable, "-m", PROGRAM),
                *_arguments(stack, endpoint),
            ]
            daemons.end_all(place.folder, PROGRAM)  # it may run for another service
            daemons.start(
                place.namespace,
                command,
                folder=place.folder,
                environment={"PYTHONPATH": str(SOURCES)},
            )


def is_running(stack: str, endpoint: Endpoint) -> bool:
    """Whether the endpoint's own process lives, on the addresses and port that it should have."""
    wanted = _arguments(stack, endpoint)
    folder = Place(stack, endpoint.pod).folder
    return any(
        _words(process)[-len(wanted) :] == wanted for process in daemons.running_in(folder, PROGRAM)
    )


def end(pods: Iterable[Place]) -> None:
    """End whatever runs in these pods."""
    daemons.end_all_in([pod.folder for pod in pods])


def _arguments(stack: str, endpoint: Endpoint) -> list[str]:
    where = (str(endpoint.port), *map(str, endpoint.addresses))
    return [str(life_socket(stack, endpoint)), endpoint.pod, endpoint.datacentre, *where]


def _words(process: int) -> Sequence[str]:
    with suppress(OSError):
        text = Path(f"/proc/{process}/cmdline").read_bytes()
        return [word.decode() for word in text.split(b"\0")[:-1]]
    return []
