"""A stream of datagrams from machine to machine, and which of them did not arrive."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from twin import namespaces
from twin.place import Place

_PORT = 7
_PAUSE_SECONDS = 0.01

#: How long the last ones may be under way, on a machine that is busy with other things.
_LAST_SECONDS = 10.0


@dataclass
class Sent:
    """How many were sent, and the numbers of those that are lost: known at the end."""

    count: int = 0
    lost: list[int] = field(default_factory=list)


@contextmanager
def sending(sender: Place, receiver: Place, address: str) -> Iterator[Sent]:
    """Send all the while to an address of the receiver's."""
    sent, arrived = Sent(), set[int]()
    stop = threading.Event()
    with _opened(receiver) as ears, _opened(sender) as mouth:
        ears.bind((address, _PORT))
        ears.settimeout(_PAUSE_SECONDS)
        thread = threading.Thread(target=_exchange, args=(mouth, ears, sent, arrived, stop))
        thread.start()
        try:
            yield sent
        finally:
            stop.set()
            thread.join()
        deadline = time.monotonic() + _LAST_SECONDS
        while len(arrived) < sent.count and time.monotonic() < deadline:
            _receive(ears, arrived)
    sent.lost = sorted(set(range(sent.count)) - arrived)


def _exchange(
    mouth: socket.socket,
    ears: socket.socket,
    sent: Sent,
    arrived: set[int],
    stop: threading.Event,
) -> None:
    while not stop.is_set():
        mouth.sendto(str(sent.count).encode(), ears.getsockname())
        sent.count += 1
        _receive(ears, arrived)
        stop.wait(_PAUSE_SECONDS)


def _receive(ears: socket.socket, arrived: set[int]) -> None:
    try:
        arrived.add(int(ears.recv(64)))
    except TimeoutError:
        return


def _opened(place: Place) -> socket.socket:
    with namespaces.inside(place.namespace):
        return socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
