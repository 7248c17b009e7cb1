"""`python -m twin.httpd SOCKET NAME DATACENTRE PORT ADDRESS…`: what runs in a pod of a service.

It answers with its name, its datacentre and the address that it was asked from. Whoever wants to
know that it lives holds a connection to SOCKET: the kernel ends it with the process, at once and
however the process ends. The standard library alone, so that a pod is up in no time.
"""

from __future__ import annotations

import json
import socket
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path


class _Server(ThreadingHTTPServer):
    """Many may ask at a time."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(self, name: str, datacentre: str, address: tuple[str, int]) -> None:
        self.pod = {"pod": name, "datacentre": datacentre}
        self.address_family = socket.AF_INET6 if ":" in address[0] else socket.AF_INET
        super().__init__(address, _Answer)

    def server_bind(self) -> None:
        """As the base class does, which also asks DNS for the host's name."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.socket.bind(self.server_address)


class _Answer(BaseHTTPRequestHandler):
    """The same answer to every path."""

    server: _Server
    timeout = 10

    def do_GET(self) -> None:
        """Who answers, and whom."""
        body = json.dumps({**self.server.pod, "client": self.client_address[0]}).encode() + b"\n"
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Not a line for each request."""


def main() -> None:
    """Listen for requests first, at each address, and then say so by the socket."""
    path, name, datacentre, port, *addresses = sys.argv[1:]
    servers = [_Server(name, datacentre, (address, int(port))) for address in addresses]
    for server in servers:
        threading.Thread(target=server.serve_forever, daemon=True).start()
    Path(path).unlink(missing_ok=True)
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(path)
        listener.listen(128)
        watchers = []
        while True:
            watchers.append(listener.accept()[0])


if __name__ == "__main__":
    main()
