"""A server on this machine that stands in for upstream's.

Those are downloads.openwrt.org, OpenWrt's build service and factory.talos.dev.
"""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass
class Upstream:
    """What it serves, what goes wrong, and what it was asked."""

    url: str = ""
    files: dict[str, bytes] = field(default_factory=dict)
    #: How many bytes of a file are sent before the connection breaks, once for each entry.
    breaks: dict[str, list[int]] = field(default_factory=dict)
    #: Statuses to answer with before it goes well.
    statuses: dict[str, list[int]] = field(default_factory=dict)
    #: What the build service answers, the last one for ever.
    builds: list[tuple[int, dict[str, Any]]] = field(default_factory=list)
    has_etags: bool = True
    requests: list[tuple[str, str, str | None]] = field(default_factory=list)
    bodies: list[dict[str, Any]] = field(default_factory=list)

    def serve(self, path: str, content: bytes) -> str:
        """Serve a file. Its SHA-256."""
        self.files[path] = content
        return hashlib.sha256(content).hexdigest()

    def asked(self, path: str) -> int:
        """How often a path was asked for."""
        return [request[1] for request in self.requests].count(path)


@contextmanager
def running() -> Iterator[Upstream]:
    """The server, until it is no longer needed."""
    upstream = Upstream()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            upstream.requests.append(("GET", self.path, self.headers.get("Range")))
            if self.path.startswith("/api/v1/build/"):
                return self.build()
            if pending := upstream.statuses.get(self.path):
                return self.answer(pending.pop(0), b"")
            content = upstream.files.get(self.path)
            if content is None:
                return self.answer(404, b"")
            return self.file(content)

        def do_POST(self) -> None:
            upstream.requests.append(("POST", self.path, None))
            length = int(self.headers["Content-Length"])
            upstream.bodies.append(json.loads(self.rfile.read(length)))
            self.build()

        def build(self) -> None:
            status, content = upstream.builds[0]
            if len(upstream.builds) > 1:
                upstream.builds.pop(0)
            self.answer(status, json.dumps(content).encode())

        def file(self, content: bytes) -> None:
            etag = f'"{hashlib.sha256(content).hexdigest()[:8]}"'
            start = 0
            wanted = self.headers.get("Range")
            if wanted and self.headers.get("If-Range") in (None, etag):
                start = int(wanted.removeprefix("bytes=").removesuffix("-"))
            if start and start >= len(content):
                return self.answer(416, b"", {"Content-Range": f"bytes */{len(content)}"})
            headers = {"ETag": etag} if upstream.has_etags else {}
            status = 206 if start else 200
            breaks = upstream.breaks.get(self.path)
            self.answer(status, content[start:], headers, breaks.pop(0) if breaks else None)
            return None

        def answer(
            self,
            status: int,
            content: bytes,
            headers: dict[str, str] | None = None,
            send_only: int | None = None,
        ) -> None:
            self.send_response(status)
            for name, value in (headers or {}).items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content[:send_only])
            if send_only is not None:
                self.close_connection = True

        def log_message(self, format: str, *args: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        upstream.url = f"http://127.0.0.1:{server.server_address[1]}"
        thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        try:
            yield upstream
        finally:
            server.shutdown()
            thread.join(10)
