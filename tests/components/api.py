"""An API server's outside: TLS that wants to know who asks, and documents by path."""

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

#: The path of whatever is not there by its own.
ANY = "*"


@dataclass
class Server:
    """`documents` by path; whatever else is asked for is not there. `key` is the client's."""

    kubeconfig: str
    key: str
    documents: dict[str, object] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)


def with_conditions(*names: str) -> dict[str, object]:
    """An object of which these hold."""
    return {"status": {"conditions": [{"type": name, "status": "True"} for name in names]}}


@contextmanager
def serving(folder: Path) -> Iterator[Server]:
    """Serve on a free port to whoever has the client's certificate."""
    _certificates(folder)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "server.pem", folder / "server.key")
    context.load_verify_locations(folder / "authority.pem")
    context.verify_mode = ssl.CERT_REQUIRED
    found = Server("", (folder / "client.key").read_text())

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            found.asked.append(self.path)
            document = found.documents.get(self.path, found.documents.get(ANY))
            self.send_response(404 if document is None else 200)
            self.end_headers()
            self.wfile.write(json.dumps(document).encode())

        def log_message(self, format: str, *args: object) -> None:
            """Nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as http:
        http.socket = context.wrap_socket(http.socket, server_side=True)
        thread = threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        found.kubeconfig = _kubeconfig(folder, http.server_port)
        try:
            yield found
        finally:
            http.shutdown()
            thread.join()


def _certificates(folder: Path) -> None:
    def openssl(*arguments: str) -> None:
        subprocess.run(["openssl", *arguments], cwd=folder, check=True, capture_output=True)

    new = ("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes")
    openssl(*new, "-subj", "/CN=authority", "-keyout", "authority.key", "-out", "authority.pem")
    for name in ("server", "client"):
        openssl(
            *(*new, "-subj", f"/CN={name}", "-keyout", f"{name}.key", "-out", f"{name}.pem"),
            *("-CA", "authority.pem", "-CAkey", "authority.key"),
            *("-addext", "subjectAltName=IP:127.0.0.1", "-addext", "basicConstraints=CA:false"),
        )


def _kubeconfig(folder: Path, port: int) -> str:
    def data(name: str) -> str:
        return base64.b64encode((folder / name).read_bytes()).decode()

    cluster = {
        "server": f"https://127.0.0.1:{port}",
        "certificate-authority-data": data("authority.pem"),
    }
    user = {
        "client-certificate-data": data("client.pem"),
        "client-key-data": data("client.key"),
    }
    return yaml.safe_dump(
        {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": "underlay", "cluster": cluster}],
            "users": [{"name": "admin@underlay", "user": user}],
            "contexts": [
                {
                    "name": "admin@underlay",
                    "context": {"cluster": "underlay", "user": "admin@underlay"},
                }
            ],
            "current-context": "admin@underlay",
        }
    )
