"""Messages to the kernel's rtnetlink (rtnetlink(7), <linux/rtnetlink.h>), as the floor needs them.

This is the measured alternative to `ip -batch`, not a library: what it saves is a table of the
benchmarks. A message is bytes; a `Socket` sends many at a time and reads one answer.
"""

from __future__ import annotations

import os
import socket
import struct
from collections.abc import Iterator, Sequence
from ipaddress import IPv4Address

from config.families import Address, Interface, Network

_NEWLINK, _NEWADDR, _NEWROUTE, _GETROUTE, _NEWNEIGH = 16, 20, 24, 26, 28
_REQUEST, _ACK, _DUMP, _CREATE_NEW, _CREATE_OR_REPLACE = 0x1, 0x4, 0x300, 0x600, 0x500
_ERROR, _DONE = 2, 3

_IFLA_ADDRESS, _IFLA_IFNAME, _IFLA_MASTER, _IFLA_LINKINFO, _IFLA_NET_NS_FD = 1, 3, 10, 18, 28
_INFO_KIND, _INFO_DATA, _VETH_PEER = 1, 2, 1
_BRIDGE_FORWARD_DELAY, _BRIDGE_MCAST_SNOOPING = 1, 23
_IFA_ADDRESS, _IFA_LOCAL = 1, 2
_RTA_DST, _RTA_OIF, _RTA_GATEWAY = 1, 4, 5
_NDA_DST, _NDA_LLADDR = 1, 2

_IFF_UP, _NUD_PERMANENT = 0x1, 0x80
_TABLE_MAIN, _PROTOCOL_STATIC = 254, 4
_SCOPE_UNIVERSE, _SCOPE_LINK = 0, 253
_UNICAST, _UNREACHABLE = 1, 7

_FAMILIES = {4: socket.AF_INET, 6: socket.AF_INET6}

_HEADER = struct.Struct("=IHHII")
_LINK = struct.Struct("=BxHiII")
_ROUTE = struct.Struct("=BBBBBBBBI")

#: The answer to a batch comes with its last message, and earlier ones answer only if refused.
_MESSAGES_AT_ONCE = 100
_RECEIVE_BYTES = 1 << 17
_LIMIT_SECONDS = 10.0


class RefusedError(OSError):
    """The kernel refused a message."""


class Socket:
    """A conversation with the kernel about the namespace in which this was opened."""

    def __init__(self) -> None:
        self._socket = socket.socket(
            socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, socket.NETLINK_ROUTE
        )
        self._socket.settimeout(_LIMIT_SECONDS)

    def close(self) -> None:
        """End it."""
        self._socket.close()

    def send(self, messages: Sequence[bytes]) -> None:
        """Have all of them done, in order. Raises `RefusedError` for the first that is not."""
        for start in range(0, len(messages), _MESSAGES_AT_ONCE):
            *most, last = messages[start : start + _MESSAGES_AT_ONCE]
            self._socket.send(b"".join([*most, _with_flags(last, _ACK)]))
            for kind, body in self._answers():
                if kind == _ERROR:
                    (code,) = struct.unpack_from("=i", body)
                    if code:
                        raise RefusedError(-code, f"rtnetlink: {os.strerror(-code)}")
                    break

    def prefixes(self) -> set[str]:
        """The destinations in the main table."""
        request = _ROUTE.pack(socket.AF_INET, 0, 0, 0, 0, 0, 0, 0, 0)
        self._socket.send(_message(_GETROUTE, _DUMP, request))
        found = set()
        for kind, body in self._answers():
            if kind == _DONE:
                break
            _, length, _, _, table, *_ = _ROUTE.unpack_from(body)
            if table == _TABLE_MAIN:
                found.add(f"{_destination(body)}/{length}")
        return found

    def _answers(self) -> Iterator[tuple[int, bytes]]:
        while True:
            data = self._socket.recv(_RECEIVE_BYTES)
            position = 0
            while position < len(data):
                size, kind, *_ = _HEADER.unpack_from(data, position)
                yield kind, data[position + _HEADER.size : position + size]
                position += _aligned(size)


def bridge(index: int, name: str) -> bytes:
    """A bridge that forwards at once and leaves multicast alone."""
    options = _attribute(_BRIDGE_FORWARD_DELAY, struct.pack("=I", 0))
    options += _attribute(_BRIDGE_MCAST_SNOOPING, struct.pack("=B", 0))
    return _new_link(index, _name(name) + _link_info("bridge", options))


def veth(index: int, name: str, peer: bytes, *, address: str = "", master: int = 0) -> bytes:
    """A cable. `peer` is its other end, from `far_end`."""
    attributes = _name(name) + _link_info("veth", _attribute(_VETH_PEER, peer))
    attributes += _address(address)
    if master:
        attributes += _attribute(_IFLA_MASTER, struct.pack("=I", master))
    return _new_link(index, attributes)


def far_end(index: int, name: str, address: str, namespace: int) -> bytes:
    """A cable's end in another namespace, which an open file stands for."""
    attributes = _name(name) + _address(address)
    attributes += _attribute(_IFLA_NET_NS_FD, struct.pack("=I", namespace))
    return _LINK.pack(socket.AF_UNSPEC, 0, index, 0, 0) + attributes


def up(index: int) -> bytes:
    """Switch a link on."""
    return _message(_NEWLINK, 0, _LINK.pack(socket.AF_UNSPEC, 0, index, _IFF_UP, _IFF_UP))


def enslave(index: int, master: int) -> bytes:
    """Make a link a port of a bridge."""
    link = _LINK.pack(socket.AF_UNSPEC, 0, index, 0, 0)
    return _message(_NEWLINK, 0, link + _attribute(_IFLA_MASTER, struct.pack("=I", master)))


def address(index: int, interface: Interface) -> bytes:
    """Give a link an address."""
    family, length = _FAMILIES[interface.version], interface.network.prefixlen
    head = struct.pack("=BBBBI", family, length, 0, _SCOPE_UNIVERSE, index)
    packed = interface.ip.packed
    attributes = _attribute(_IFA_LOCAL, packed) + _attribute(_IFA_ADDRESS, packed)
    return _message(_NEWADDR, _CREATE_NEW, head + attributes)


def route(prefix: Network, gateway: Address | None, index: int | None) -> bytes:
    """A route by a gateway, onto a link, or, with neither, nowhere."""
    is_unreachable = gateway is None and index is None
    head = _ROUTE.pack(
        _FAMILIES[prefix.version],
        prefix.prefixlen,
        *(0, 0, _TABLE_MAIN, _PROTOCOL_STATIC),
        _SCOPE_LINK if gateway is None and index is not None else _SCOPE_UNIVERSE,
        _UNREACHABLE if is_unreachable else _UNICAST,
        0,
    )
    attributes = _attribute(_RTA_DST, prefix.network_address.packed)
    if gateway is not None:
        attributes += _attribute(_RTA_GATEWAY, gateway.packed)
    if index is not None:
        attributes += _attribute(_RTA_OIF, struct.pack("=I", index))
    return _message(_NEWROUTE, _CREATE_NEW, head + attributes)


def neighbor(index: int, at: Address, mac: str) -> bytes:
    """A permanent ARP entry, which does not count against the kernel's shared table.

    It takes the place of one that has been learnt meanwhile.
    """
    head = struct.pack("=BxxxiHBB", _FAMILIES[at.version], index, _NUD_PERMANENT, 0, _UNICAST)
    attributes = _attribute(_NDA_DST, at.packed) + _attribute(_NDA_LLADDR, _mac(mac))
    return _message(_NEWNEIGH, _CREATE_OR_REPLACE, head + attributes)


def _new_link(index: int, attributes: bytes) -> bytes:
    head = _LINK.pack(socket.AF_UNSPEC, 0, index, _IFF_UP, _IFF_UP)
    return _message(_NEWLINK, _CREATE_NEW, head + attributes)


def _link_info(kind: str, data: bytes) -> bytes:
    inner = _attribute(_INFO_KIND, kind.encode()) + _attribute(_INFO_DATA, data)
    return _attribute(_IFLA_LINKINFO, inner)


def _name(name: str) -> bytes:
    return _attribute(_IFLA_IFNAME, name.encode() + b"\0")


def _address(mac: str) -> bytes:
    return _attribute(_IFLA_ADDRESS, _mac(mac)) if mac else b""


def _mac(text: str) -> bytes:
    return bytes.fromhex(text.replace(":", ""))


def _attribute(kind: int, value: bytes) -> bytes:
    size = 4 + len(value)
    return struct.pack("=HH", size, kind) + value + bytes(_aligned(size) - size)


def _message(kind: int, flags: int, body: bytes) -> bytes:
    body += bytes(_aligned(len(body)) - len(body))
    return _HEADER.pack(_HEADER.size + len(body), kind, _REQUEST | flags, 0, 0) + body


def _with_flags(message: bytes, flags: int) -> bytes:
    size, kind, present, sequence, port = _HEADER.unpack_from(message)
    head = _HEADER.pack(size, kind, present | flags, sequence, port)
    return head + message[_HEADER.size :]


def _destination(body: bytes) -> IPv4Address:
    position = _ROUTE.size
    while position < len(body):
        size, kind = struct.unpack_from("=HH", body, position)
        if kind == _RTA_DST:
            return IPv4Address(body[position + 4 : position + size])
        position += _aligned(size)
    return IPv4Address(0)


def _aligned(size: int) -> int:
    return (size + 3) & ~3
