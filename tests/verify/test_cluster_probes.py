"""Cilium's reports on its sessions, and an API server that wants to know who asks."""

import base64
import json
import ssl
import subprocess
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
import yaml

from verify.cluster_probes import Access, ClusterError, access, look, observed


def node(name: str, peers: list[dict[str, object]], states: list[dict[str, object]]) -> object:
    """As cilium.io/v2 has it (`CiliumBGPNodeConfig`)."""
    return {
        "apiVersion": "cilium.io/v2",
        "kind": "CiliumBGPNodeConfig",
        "metadata": {"name": name},
        "spec": {"bgpInstances": [{"name": "underlay", "localASN": 65001, "peers": peers}]},
        "status": {"bgpInstances": [{"name": "underlay", "localASN": 65001, "peers": states}]},
    }


NODES = {
    "apiVersion": "cilium.io/v2",
    "kind": "CiliumBGPNodeConfigList",
    "metadata": {"resourceVersion": "1"},
    "items": [
        node(
            "dc1-worker1",
            [{"name": "dc1-router1", "peerAddress": "10.1.1.2", "peerASN": 65000}],
            [
                {
                    "name": "dc1-router1",
                    "peerAddress": "10.1.1.2",
                    "peerASN": 65000,
                    "peeringState": "established",
                    "establishedTime": "2026-11-22T09:48:10Z",
                    "timers": {"appliedHoldTimeSeconds": 9, "appliedKeepaliveSeconds": 3},
                    "routeCount": [
                        {"afi": "ipv4", "safi": "unicast", "received": 0, "advertised": 1}
                    ],
                }
            ],
        ),
        node(
            "dc1-worker2",
            [{"name": "a", "peerAddress": "10.1.1.2"}, {"name": "b", "peerAddress": "10.1.1.3"}],
            [{"name": "a", "peerAddress": "10.1.1.2", "peeringState": "open_confirm"}],
        ),
        {"metadata": {"name": "dc1-worker3"}, "spec": {"bgpInstances": [{"name": "underlay"}]}},
    ],
}


def test_a_nodes_sessions_are_in_the_words_of_the_rfc() -> None:
    assert {name: seen.sessions for name, seen in observed(NODES).items()} == {
        "dc1-worker1": {"10.1.1.2": "Established"},
        "dc1-worker2": {"10.1.1.2": "OpenConfirm", "10.1.1.3": "Idle"},
        "dc1-worker3": {},
    }


def test_a_cluster_without_any() -> None:
    assert observed({"items": None}) == {}


@dataclass
class Server:
    access: Access
    kubeconfig: str
    key: str
    documents: dict[str, object]


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    """An API server as far as TLS and one document go: it takes only the client's certificate."""
    _certificates(tmp_path)
    documents: dict[str, object] = {"/apis/cilium.io/v2/ciliumbgpnodeconfigs": NODES}

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            found = documents.get(self.path)
            self.send_response(200 if found else 404)
            self.end_headers()
            self.wfile.write(json.dumps(found).encode())

        def log_message(self, format: str, *args: object) -> None:
            pass

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "server.pem", tmp_path / "server.key")
    context.load_verify_locations(tmp_path / "authority.pem")
    context.verify_mode = ssl.CERT_REQUIRED
    with HTTPServer(("127.0.0.1", 0), Handler) as http:
        http.socket = context.wrap_socket(http.socket, server_side=True)
        thread = threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        kubeconfig = _kubeconfig(tmp_path, http.server_address[1])
        try:
            key = (tmp_path / "client.key").read_text()
            yield Server(access(kubeconfig), kubeconfig, key, documents)
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


def test_asks_the_api_server_by_the_kubeconfig(server: Server) -> None:
    assert look(server.access)["dc1-worker1"].sessions == {"10.1.1.2": "Established"}


def test_before_cilium_has_registered_its_resources(server: Server) -> None:
    server.documents.clear()
    with pytest.raises(ClusterError, match="404: Cilium's operator has not registered"):
        look(server.access)


def test_an_api_server_that_is_not_there(server: Server) -> None:
    gone = Access("https://127.0.0.1:1", *_keys(server.access))
    with pytest.raises(ClusterError, match=r"does not answer at https://127\.0\.0\.1:1"):
        look(gone)


def test_the_key_is_in_no_message(server: Server) -> None:
    middle = server.key.splitlines()[1]
    assert middle not in repr(server.access)
    broken = server.kubeconfig.replace("client-certificate-data", "client-certificate")
    with pytest.raises(ClusterError, match="client-certificate-data") as error:
        access(broken)
    assert middle not in str(error.value)


@pytest.mark.parametrize("text", ["", "a: [", "current-context: x\n", "- 1\n"])
def test_what_is_no_kubeconfig(text: str) -> None:
    with pytest.raises(ClusterError, match="kubeconfig cannot be used"):
        access(text)


def _keys(found: Access) -> tuple[str, str, str]:
    return found.authority, found.certificate, found.key
