"""Looks at nodes by the API server: the sessions that Cilium's agents report.

Talos has no shell, so a node's routes are not to be seen from outside; those of its router show
what the node has announced. Cilium's operator keeps a `CiliumBGPNodeConfig` for each node, in whose
status the agent writes its peers (cilium.io/v2; `bgpControlPlane.statusReport.enabled`).
"""

from __future__ import annotations

from collections.abc import Iterator
from http import HTTPStatus

from components.api_server import ApiServer, KubeconfigError, StatusError, api_server
from twin.manifest import Manifest, mapping, name, sequence
from verify.model import Observed

_SESSIONS_PATH = "/apis/cilium.io/v2/ciliumbgpnodeconfigs"
_NODES_PATH = "/apis/cilium.io/v2/ciliumnodes"

#: Cilium's words for the states of RFC 4271, section 8.2.2 (its pkg/bgp/types, `SessionState`).
_STATES = {
    "idle": "Idle",
    "connect": "Connect",
    "active": "Active",
    "open_sent": "OpenSent",
    "open_confirm": "OpenConfirm",
    "established": "Established",
}


class ClusterError(RuntimeError):
    """The API server cannot be asked; the message says why and what to do."""


def look(api: ApiServer) -> dict[str, Observed]:
    """What is to be seen of every node that Cilium has a BGP configuration for, by its name."""
    return observed(fetch(api, _SESSIONS_PATH))


def health_addresses(api: ApiServer) -> dict[str, list[str]]:
    """The addresses of each node's health endpoint, of its PodCIDRs, by the node's name.

    Cilium makes one on every node (the chart's `endpointHealthChecking`). Raises `ClusterError`.
    """
    nodes = {
        name(item): mapping(item, "spec", "health")
        for item in sequence(fetch(api, _NODES_PATH), "items")
    }
    return {
        name: [str(health[family]) for family in ("ipv4", "ipv6") if health.get(family)]
        for name, health in nodes.items()
    }


def observed(document: Manifest) -> dict[str, Observed]:
    """The nodes' sessions from a `CiliumBGPNodeConfigList`. It says nothing of routes."""
    return {
        name(item): Observed(routes={}, sessions=dict(_sessions(item)))
        for item in sequence(document, "items")
    }


def _sessions(item: Manifest) -> Iterator[tuple[str, str]]:
    """By the peer's address. What the agent has not reported on yet is Idle: nothing was tried."""
    for instance in sequence(mapping(item, "spec"), "bgpInstances"):
        for peer in sequence(instance, "peers"):
            if "peerAddress" in peer:
                yield str(peer["peerAddress"]), "Idle"
    for instance in sequence(mapping(item, "status"), "bgpInstances"):
        for peer in sequence(instance, "peers"):
            state = str(peer.get("peeringState", "idle"))
            yield str(peer["peerAddress"]), _STATES.get(state, state)


def server(kubeconfig: str) -> ApiServer:
    """The API server of a kubeconfig. Raises `ClusterError`."""
    try:
        return api_server(kubeconfig)
    except KubeconfigError as error:
        raise ClusterError(
            f"the stack's kubeconfig cannot be used: {error}. Has the cluster come up? "
            "`pulumi up` makes it"
        ) from None


def fetch(api: ApiServer, path: str) -> Manifest:
    """A document from the API server. Raises `ClusterError`."""
    try:
        return api.get(path)
    except StatusError as error:
        hint = ": Cilium's operator has not registered its resources yet, or BGP is off in it"
        is_unknown = error.status == HTTPStatus.NOT_FOUND
        raise ClusterError(
            f"{api.url}{path} answered {error.status}{hint if is_unknown else ''}"
        ) from None
    except OSError as error:
        raise ClusterError(
            f"the API server does not answer at {api.url} ({error}). Do the host's routes "
            "lead to the nodes, and is a control plane running?"
        ) from None
