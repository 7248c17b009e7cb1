"""Cilium's reports on its sessions, and an API server that wants to know who asks."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from tests.components.api import Server, serving
from tests.verify.cilium_documents import NODES_PATH, SESSIONS_PATH, node
from verify import cluster_probes
from verify.cluster_probes import ClusterError, health_addresses, look, observed

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


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    with serving(tmp_path) as found:
        found.documents[SESSIONS_PATH] = NODES
        yield found


def test_asks_the_api_server_by_the_kubeconfig(server: Server) -> None:
    assert look(cluster_probes.server(server.kubeconfig))["dc1-worker1"].sessions == {
        "10.1.1.2": "Established"
    }


def test_before_cilium_has_registered_its_resources(server: Server) -> None:
    server.documents.clear()
    with pytest.raises(ClusterError, match="404: Cilium's operator has not registered"):
        look(cluster_probes.server(server.kubeconfig))


def test_a_nodes_health_endpoint_has_an_address_like_a_pods_in_each_family(server: Server) -> None:
    server.documents[NODES_PATH] = {
        "kind": "CiliumNodeList",
        "items": [
            {"metadata": {"name": "dc1-worker1"}, "spec": {"health": {"ipv4": "10.129.21.200"}}},
            {"metadata": {"name": "dc1-worker2"}, "spec": {"health": {}}},
            {
                "metadata": {"name": "dc1-worker3"},
                "spec": {"health": {"ipv4": "10.129.23.200", "ipv6": "fd00:23::c8"}},
            },
        ],
    }
    assert health_addresses(cluster_probes.server(server.kubeconfig)) == {
        "dc1-worker1": ["10.129.21.200"],
        "dc1-worker2": [],
        "dc1-worker3": ["10.129.23.200", "fd00:23::c8"],
    }


def test_an_api_server_that_is_not_there(server: Server) -> None:
    gone = replace(cluster_probes.server(server.kubeconfig), url="https://127.0.0.1:1")
    with pytest.raises(ClusterError, match=r"does not answer at https://127\.0\.0\.1:1 .*refused"):
        look(gone)


@pytest.mark.parametrize("text", ["", "a: [", "current-context: x\n", "- 1\n"])
def test_what_is_no_kubeconfig(text: str) -> None:
    with pytest.raises(ClusterError, match="kubeconfig cannot be used"):
        cluster_probes.server(text)
