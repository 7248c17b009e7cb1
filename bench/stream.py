"""`python -m bench.stream receive ADDRESS PORT` and `… send ADDRESS PORT SECONDS`: one TCP stream.

The receiver prints how many bytes came and in how many seconds.
"""

from __future__ import annotations

import json
import socket
import sys
import time

_BYTES_AT_ONCE = 1 << 20
_LIMIT_SECONDS = 30


def receive(address: str, port: int) -> None:
    """Take one connection and read it to its end."""
    with socket.create_server((address, port)) as server:
        server.settimeout(_LIMIT_SECONDS)
        print("listening", flush=True)
        connection, _ = server.accept()
        with connection:
            connection.settimeout(_LIMIT_SECONDS)
            buffer, count, began = bytearray(_BYTES_AT_ONCE), 0, time.perf_counter()
            while received := connection.recv_into(buffer):
                count += received
            print(json.dumps({"bytes": count, "seconds": time.perf_counter() - began}), flush=True)


def send(address: str, port: int, seconds: float) -> None:
    """Send for so long, by CUBIC (RFC 9438): the machine's own choice may be paced."""
    with socket.socket() as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_CONGESTION, b"cubic")
        connection.settimeout(_LIMIT_SECONDS)
        connection.connect((address, port))
        data, until = bytes(_BYTES_AT_ONCE), time.perf_counter() + seconds
        while time.perf_counter() < until:
            connection.sendall(data)


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["receive", at, number]:
            receive(at, int(number))
        case ["send", to, number, duration]:
            send(to, int(number), float(duration))
        case _:
            sys.exit(__doc__)
