"""An API server that wants to know who asks, with what Cilium would say in it."""

import base64
import json
import ssl
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import yaml

SESSIONS_PATH = "/apis/cilium.io/v2/ciliumbgpnodeconfigs"
NODES_PATH = "/apis/cilium.io/v2/ciliumnodes"


def node(name: str, peers: list[dict[str, object]], states: list[dict[str, object]]) -> object:
    """As cilium.io/v2 has it (`CiliumBGPNodeConfig`)."""
    return {
        "apiVersion": "cilium.io/v2",
        "kind": "CiliumBGPNodeConfig",
        "metadata": {"name": name},
        "spec": {"bgpInstances": [{"name": "underlay", "localASN": 65001, "peers": peers}]},
        "status": {"bgpInstances": [{"name": "underlay", "localASN": 65001, "peers": states}]},
    }


@dataclass
class Server:
    """`documents` by path; whatever else is asked for is not there."""

    kubeconfig: str
    key: str
    documents: dict[str, object]


@contextmanager
def serving(folder: Path) -> Iterator[Server]:
    """An API server as far as TLS and one document go: it takes only the client's certificate."""
    _certificates(folder)
    documents: dict[str, object] = {}

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            found = documents.get(self.path)
            self.send_response(200 if found else 404)
            self.end_headers()
            self.wfile.write(json.dumps(found).encode())

        def log_message(self, format: str, *args: object) -> None:
            pass

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "server.pem", folder / "server.key")
    context.load_verify_locations(folder / "authority.pem")
    context.verify_mode = ssl.CERT_REQUIRED
    with HTTPServer(("127.0.0.1", 0), Handler) as http:
        http.socket = context.wrap_socket(http.socket, server_side=True)
        thread = threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        kubeconfig = _kubeconfig(folder, http.server_address[1])
        try:
            key = (folder / "client.key").read_text()
            yield Server(kubeconfig, key, documents)
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
