"""Tries whether TCP comes through to a BGP port, signed as the sender's own daemon signs.

A SYN whose signature is wrong or missing is dropped without a word, but counted by the kernel that
drops it (Linux, `TcpExtTCPMD5*`): that tells a wrong password from a rule that drops. Since other
sessions' segments are counted as well, more SYNs are sent than a daemon sends meanwhile.
"""

from __future__ import annotations

import errno
import selectors
import socket
import struct
import time
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from config.families import Address
from twin import namespaces
from verify.causes.evidence import Answer

#: <linux/tcp.h>
_TCP_MD5SIG = 14
_MD5SIG = "=H2s124sBBHI80s"

#: A SYN is sent again after a second.
_WAIT_SECONDS = 1.5
_SYNS = 12

_COUNTERS = ("TCPMD5NotFound", "TCPMD5Unexpected", "TCPMD5Failure")
_IS_UNREACHABLE = {errno.EHOSTUNREACH, errno.ENETUNREACH, errno.EADDRNOTAVAIL, errno.ENETDOWN}
_LISTENING = "0A"  # <net/tcp_states.h>, as in /proc/net/tcp


@dataclass(frozen=True, slots=True)
class Route:
    """From which address in which namespace, to which in which other; both are on this machine."""

    namespace: str
    source: Address
    far_namespace: str
    destination: Address
    port: int
    password: str | None


def answer(route: Route) -> Answer:
    """What comes of connections. Takes a second or two where nothing does."""
    before = refused_signatures(route.far_namespace)
    found = _connected(route, _SYNS)
    if found is Answer.SILENT and refused_signatures(route.far_namespace) - before >= _SYNS:
        return Answer.UNSIGNED
    return found


def listens(namespace: str, port: int) -> bool:
    """Whether anybody in the namespace listens at the port (proc(5), /proc/net/tcp)."""
    with namespaces.inside(namespace):
        lines = Path("/proc/thread-self/net/tcp").read_text().splitlines()[1:]
        lines += _optional("/proc/thread-self/net/tcp6")
    fields = [line.split() for line in lines]
    return any(f[3] == _LISTENING and int(f[1].rpartition(":")[2], 16) == port for f in fields)


def refused_signatures(namespace: str) -> int:
    """How many segments the namespace dropped for their signatures."""
    with namespaces.inside(namespace):
        text = Path("/proc/thread-self/net/netstat").read_text()
    return sum(md5_counters(text).values())


def md5_counters(netstat: str) -> dict[str, int]:
    """The counters of signatures in /proc/net/netstat: pairs of lines, names and values."""
    names, values = (line.split() for line in netstat.splitlines() if line.startswith("TcpExt:"))
    found = dict(zip(names, values, strict=True))
    return {name: int(found.get(name, 0)) for name in _COUNTERS}


def pinged(namespace: str, source: Address, destination: Address) -> bool:
    """Whether an echo comes back (RFC 792, RFC 4443); three are sent."""
    protocol = socket.IPPROTO_ICMP if source.version == 4 else socket.IPPROTO_ICMPV6
    with namespaces.inside(namespace):
        ping = socket.socket(_family(source), socket.SOCK_RAW, protocol)
    with ping:
        ping.settimeout(_WAIT_SECONDS / 3)
        try:
            ping.bind((str(source), 0))
            return any(_echo(ping, destination, number) for number in range(1, 4))
        except OSError:
            return False


def _family(address: Address) -> socket.AddressFamily:
    return socket.AF_INET if address.version == 4 else socket.AF_INET6


def _echo(ping: socket.socket, destination: Address, number: int) -> bool:
    """Send an echo request and wait. In IPv6, the kernel does the sum and takes the header off."""
    request_type, reply_type, header = (8, 0, 20) if destination.version == 4 else (128, 129, 0)
    identifier = id(ping) & 0xFFFF
    request = struct.pack("!BBHHH", request_type, 0, 0, identifier, number)
    total = (request_type << 8) + identifier + number
    total = (total & 0xFFFF) + (total >> 16)
    total = (total & 0xFFFF) + (total >> 16)
    ping.sendto(
        request[:2] + struct.pack("!H", ~total & 0xFFFF) + request[4:], (str(destination), 0)
    )
    deadline = time.monotonic() + _WAIT_SECONDS / 3
    while time.monotonic() < deadline:
        try:
            reply = ping.recv(256)
        except TimeoutError:
            return False
        kind, _, _, seen, _ = struct.unpack("!BBHHH", reply[header : header + 8])
        if kind == reply_type and seen == identifier:
            return True
    return False


def _connected(route: Route, count: int) -> Answer:
    with ExitStack() as stack, selectors.DefaultSelector() as selector:
        for _ in range(count):
            with namespaces.inside(route.namespace):
                connection = socket.socket(_family(route.source), socket.SOCK_STREAM)
            stack.callback(connection.close)
            error = _dial(connection, route)
            if found := _meaning(error):
                return found
            selector.register(connection, selectors.EVENT_WRITE)
        deadline = time.monotonic() + _WAIT_SECONDS
        while (left := deadline - time.monotonic()) > 0:
            for key, _ in selector.select(left):
                done = key.fileobj
                assert isinstance(done, socket.socket)
                error = done.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
                return _meaning(error) or Answer.OPEN
    return Answer.SILENT


def _dial(connection: socket.socket, route: Route) -> int:
    """Begin a connection; the error, if there is one at once. By TTL 255, as RFC 5082 asks."""
    connection.setblocking(False)
    if route.source.version == 4:
        connection.setsockopt(socket.IPPROTO_IP, socket.IP_TTL, 255)
    else:
        connection.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_UNICAST_HOPS, 255)
    # Ends with a reset, so that nothing of it stays.
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    try:
        if route.password:
            key = route.password.encode()
            # In a sockaddr_in6, what is a flow's label comes before the address.
            address = b"" if route.destination.version == 4 else bytes(4)
            address += route.destination.packed
            signature = struct.pack(
                _MD5SIG, _family(route.destination), b"", address, 0, 0, len(key), 0, key
            )
            connection.setsockopt(socket.IPPROTO_TCP, _TCP_MD5SIG, signature)
        connection.bind((str(route.source), 0))
    except OSError as error:
        return error.errno or errno.EIO
    return connection.connect_ex((str(route.destination), route.port))


def _meaning(error: int) -> Answer | None:
    """None where it goes on or is there."""
    if error in {0, errno.EINPROGRESS}:
        return None
    if error in {errno.ECONNREFUSED, errno.ECONNRESET}:
        return Answer.REFUSED
    return Answer.UNREACHABLE if error in _IS_UNREACHABLE else Answer.UNKNOWN


def _optional(path: str) -> list[str]:
    file = Path(path)
    return file.read_text().splitlines()[1:] if file.exists() else []
