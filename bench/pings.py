"""Pings from a pod, each of which is counted: what a failure cost those who were talking.

The kernel of the pod that is asked answers (ICMP echo, RFC 792), so nothing runs in any pod.
"""

from __future__ import annotations

import os
import socket
import struct
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

from config.families import Address
from twin import namespaces
from twin.place import Place

INTERVAL_SECONDS = 0.002

#: An answer that has not come so long after the last question is lost.
_PATIENCE_SECONDS = 2.0

_ECHO, _ECHO_REPLY = 8, 0
_HEADER = struct.Struct("!BBHHH")  # type, code, checksum, identifier, sequence number
_NUMBER = struct.Struct("!Q")
_LONGEST_IP_HEADER = 60


@dataclass(slots=True)
class Pings:
    """What was sent and what was answered, by number: the moments of sending, in seconds."""

    sent: list[float] = field(default_factory=list)
    answered: set[int] = field(default_factory=set)

    @property
    def lost(self) -> list[int]:
        """The numbers of the pings that were never answered."""
        return [number for number in range(len(self.sent)) if number not in self.answered]

    @property
    def longest_outage_seconds(self) -> float:
        """From the first ping of the longest gap to the one that was answered again; 0: no gap."""
        longest, began = 0.0, None
        for number, moment in enumerate(self.sent):
            if number not in self.answered:
                began = moment if began is None else began
            elif began is not None:
                longest, began = max(longest, moment - began), None
        return max(longest, self.sent[-1] - began) if began is not None else longest

    def answered_since(self, number: int) -> int:
        """How many pings of this number and later have been answered."""
        return sum(other >= number for other in self.answered.copy())


@contextmanager
def pinging(pod: Place, address: Address) -> Iterator[Pings]:
    """Ping while the block runs, and wait for the last answers after it."""
    with namespaces.inside(pod.namespace):
        connection = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP)
    pings, done = Pings(), threading.Event()
    with connection:
        connection.connect((str(address), 0))
        sender = threading.Thread(target=_run, args=(connection, pings, done))
        sender.start()
        try:
            yield pings
        finally:
            done.set()
            sender.join()


def _run(connection: socket.socket, pings: Pings, done: threading.Event) -> None:
    identifier = (os.getpid() ^ connection.fileno()) & 0xFFFF
    due = time.monotonic()
    while not done.is_set():
        _send(connection, pings, identifier)
        due = max(due + INTERVAL_SECONDS, time.monotonic())
        _receive(connection, pings, identifier, until=due)
    last = time.monotonic() + _PATIENCE_SECONDS
    while len(pings.answered) < len(pings.sent) and time.monotonic() < last:
        _receive(connection, pings, identifier, until=min(last, time.monotonic() + 0.01))


def _send(connection: socket.socket, pings: Pings, identifier: int) -> None:
    number = len(pings.sent)
    pings.sent.append(time.monotonic())
    body = _NUMBER.pack(number)
    empty = _HEADER.pack(_ECHO, 0, 0, identifier, number & 0xFFFF)
    checksum = _checksum(empty + body)
    message = _HEADER.pack(_ECHO, 0, checksum, identifier, number & 0xFFFF) + body
    with suppress(OSError):  # no route now, or an error about an earlier one: this one is lost
        connection.send(message)


def _receive(connection: socket.socket, pings: Pings, identifier: int, *, until: float) -> None:
    while (left := until - time.monotonic()) > 0:
        connection.settimeout(left)
        try:
            packet = connection.recv(_LONGEST_IP_HEADER + _HEADER.size + _NUMBER.size)
        except TimeoutError:
            return
        except OSError:
            continue
        message = packet[(packet[0] & 0xF) * 4 :]
        if len(message) == _HEADER.size + _NUMBER.size:
            kind, _, _, found, _ = _HEADER.unpack_from(message)
            if kind == _ECHO_REPLY and found == identifier:
                pings.answered.add(_NUMBER.unpack_from(message, _HEADER.size)[0])


def _checksum(message: bytes) -> int:
    """The internet checksum (RFC 1071)."""
    total: int = sum(struct.unpack(f"!{len(message) // 2}H", message))
    total = (total >> 16) + (total & 0xFFFF)
    return ~(total + (total >> 16)) & 0xFFFF
