"""Watches the kernels of several namespaces for one route, as it comes and goes.

The kernel tells of every change of a routing table (rtnetlink(7), RTMGRP_IPV4_ROUTE): nothing is
asked again and again, so that what is measured is not disturbed.
"""

from __future__ import annotations

import selectors
import socket
import struct
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from ipaddress import IPv4Address
from types import TracebackType
from typing import Self

from bench.section import BenchError
from config.families import Address
from twin import namespaces

_GROUP_IPV4_ROUTE = 0x40  # <linux/rtnetlink.h>
_NEWROUTE, _DELROUTE = 24, 25
_RTA_DST = 1
_HEADER = struct.Struct("=IHHII")
_ROUTE = struct.Struct("=BBBBBBBBI")
_ATTRIBUTE = struct.Struct("=HH")
_RECEIVE_BYTES = 1 << 16
_LIMIT_SECONDS = 30.0


class RouteWatch:
    """The namespaces that have a route to one address, kept up to date by their kernels.

    `having` says for each namespace whether it has the route at the start.
    """

    def __init__(self, address: Address, having: Mapping[str, bool]) -> None:
        self._address = address
        self._having = dict(having)
        self._stack = ExitStack()
        self._selector = self._stack.enter_context(selectors.DefaultSelector())
        for name in having:
            with namespaces.inside(name):
                listener = socket.socket(
                    socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, socket.NETLINK_ROUTE
                )
            self._stack.enter_context(listener)
            listener.bind((0, _GROUP_IPV4_ROUTE))
            self._selector.register(listener, selectors.EVENT_READ, name)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stack.close()

    def until(self, *, present: bool) -> dict[str, float]:
        """Wait until all have the route, or none has. When each had, by `time.perf_counter`.

        Raises `BenchError` when that takes too long.
        """
        when: dict[str, float] = {}
        deadline = time.perf_counter() + _LIMIT_SECONDS
        while any(has is not present for has in self._having.values()):
            events = self._selector.select(max(0.0, deadline - time.perf_counter()))
            if not events:
                raise BenchError(f"the routes to {self._address} do not change as they should")
            now = time.perf_counter()
            for key, _ in events:
                listener = key.fileobj
                assert isinstance(listener, socket.socket)
                for is_there in self._changes(listener.recv(_RECEIVE_BYTES)):
                    self._having[key.data] = is_there
                    when[key.data] = now
        return when

    def _changes(self, data: bytes) -> Iterator[bool]:
        """What is said of the address's own route: whether it is there now."""
        position = 0
        while position < len(data):
            length, kind, *_ = _HEADER.unpack_from(data, position)
            body = data[position + _HEADER.size : position + length]
            position += -(-length // 4) * 4
            if kind in (_NEWROUTE, _DELROUTE) and _destination(body) == self._address:
                yield kind == _NEWROUTE


def _destination(body: bytes) -> IPv4Address | None:
    """Where a route to a single address goes."""
    _, length, *_ = _ROUTE.unpack_from(body)
    position = _ROUTE.size
    while length == 32 and position < len(body):
        size, kind = _ATTRIBUTE.unpack_from(body, position)
        if kind == _RTA_DST:
            return IPv4Address(body[position + _ATTRIBUTE.size : position + size])
        position += -(-size // 4) * 4
    return None
