"""A Kubernetes API server's outside: HTTPS, client certificates, objects with conditions."""

from __future__ import annotations

import base64
import json
import ssl
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import yaml


@dataclass
class FakeApi:
    """Answers for `objects`: the names of the conditions that hold, by path; `*` for any path."""

    kubeconfig: str
    objects: dict[str, list[str]] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)


@contextmanager
def serving(folder: Path) -> Iterator[FakeApi]:
    """Serve on a free port, with a certificate that is its own authority."""
    certificate, key = folder / "certificate.pem", folder / "key.pem"
    subprocess.run(
        [
            *("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1"),
            *("-subj", "/CN=api", "-addext", "subjectAltName=IP:127.0.0.1"),
            *("-keyout", str(key), "-out", str(certificate)),
        ],
        check=True,
        capture_output=True,
    )
    api = FakeApi("")

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            api.asked.append(self.path)
            conditions = api.objects.get(self.path, api.objects.get("*"))
            body = json.dumps(
                {
                    "status": {
                        "conditions": [{"type": c, "status": "True"} for c in conditions or []]
                    }
                }
            ).encode()
            self.send_response(404 if conditions is None else 200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            """Nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=str(certificate))
    context.verify_mode = ssl.CERT_REQUIRED
    context.load_cert_chain(certificate, key)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    api.kubeconfig = _kubeconfig(server.server_port, certificate.read_bytes(), key.read_bytes())
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield api
    finally:
        server.shutdown()
        server.server_close()


def _kubeconfig(port: int, certificate: bytes, key: bytes) -> str:
    data = base64.b64encode(certificate).decode()
    cluster = {"server": f"https://127.0.0.1:{port}", "certificate-authority-data": data}
    user = {
        "client-certificate-data": data,
        "client-key-data": base64.b64encode(key).decode(),
    }
    return yaml.safe_dump(
        {"clusters": [{"cluster": cluster}], "users": [{"user": user}]}, sort_keys=True
    )
