"""Looks at nodes by the API server: the sessions that Cilium's agents report.

Talos has no shell, so a node's routes are not to be seen from outside; those of its router show
what the node has announced. Cilium's operator keeps a `CiliumBGPNodeConfig` for each node, in whose
status the agent writes its peers (cilium.io/v2; `bgpControlPlane.statusReport.enabled`).
"""

from __future__ import annotations

import base64
import json
import ssl
import tempfile
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import cast

import yaml

from verify.model import Observed

Json = Mapping[str, object]

_SESSIONS_PATH = "/apis/cilium.io/v2/ciliumbgpnodeconfigs"
_NODES_PATH = "/apis/cilium.io/v2/ciliumnodes"
_LIMIT_SECONDS = 10.0

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


@dataclass(frozen=True, slots=True)
class Access:
    """The current context of a kubeconfig: where the API server is, and how we are known there."""

    server: str
    authority: str
    certificate: str = field(repr=False)
    key: str = field(repr=False)


def look(access: Access) -> dict[str, Observed]:
    """What is to be seen of every node that Cilium has a BGP configuration for, by its name."""
    return observed(fetch(access, _SESSIONS_PATH))


def health_addresses(access: Access) -> dict[str, list[str]]:
    """The addresses of each node's health endpoint, of its PodCIDRs, by the node's name.

    Cilium makes one on every node (the chart's `endpointHealthChecking`). Raises `ClusterError`.
    """
    nodes = {
        str(_map(item, "metadata")["name"]): _map(_map(item, "spec"), "health")
        for item in _list(fetch(access, _NODES_PATH), "items")
    }
    return {
        name: [str(health[family]) for family in ("ipv4", "ipv6") if health.get(family)]
        for name, health in nodes.items()
    }


def observed(document: Json) -> dict[str, Observed]:
    """The nodes' sessions from a `CiliumBGPNodeConfigList`. It says nothing of routes."""
    return {
        str(_map(item, "metadata")["name"]): Observed(routes={}, sessions=dict(_sessions(item)))
        for item in _list(document, "items")
    }


def _sessions(item: Json) -> Iterator[tuple[str, str]]:
    """By the peer's address. What the agent has not reported on yet is Idle: nothing was tried."""
    for instance in _list(_map(item, "spec"), "bgpInstances"):
        for peer in _list(instance, "peers"):
            if "peerAddress" in peer:
                yield str(peer["peerAddress"]), "Idle"
    for instance in _list(_map(item, "status"), "bgpInstances"):
        for peer in _list(instance, "peers"):
            state = str(peer.get("peeringState", "idle"))
            yield str(peer["peerAddress"]), _STATES.get(state, state)


def access(kubeconfig: str) -> Access:
    """How the current context of a kubeconfig is reached, with certificates as Talos makes them."""
    try:
        document = cast("Json", yaml.safe_load(kubeconfig))
        context = _named(document, "contexts", str(document["current-context"]), "context")
        cluster = _named(document, "clusters", str(context["cluster"]), "cluster")
        user = _named(document, "users", str(context["user"]), "user")
        return Access(
            server=str(cluster["server"]),
            authority=_decoded(cluster, "certificate-authority-data"),
            certificate=_decoded(user, "client-certificate-data"),
            key=_decoded(user, "client-key-data"),
        )
    except (KeyError, TypeError, ValueError, yaml.YAMLError) as error:
        # Of an error in YAML only the kind: its text quotes the file.
        what = error if isinstance(error, KeyError) else type(error).__name__
        raise ClusterError(
            f"the stack's kubeconfig cannot be used: {what}. Has the cluster come up? "
            "`pulumi up` makes it"
        ) from None


def fetch(access: Access, path: str) -> Json:
    """A document from the API server. Raises `ClusterError`."""
    where = f"{access.server}{path}"
    try:
        with urllib.request.urlopen(where, timeout=_LIMIT_SECONDS, context=_tls(access)) as answer:
            return cast("Json", json.load(answer))
    except urllib.error.HTTPError as error:
        error.close()
        hint = ": Cilium's operator has not registered its resources yet, or BGP is off in it"
        raise ClusterError(
            f"{where} answered {error.code}{hint if error.code == 404 else ''}"
        ) from None
    except (OSError, ValueError) as error:
        reason = error.reason if isinstance(error, urllib.error.URLError) else error
        raise ClusterError(
            f"the API server does not answer at {access.server} ({reason}). Do the host's routes "
            "lead to the nodes, and is a control plane running?"
        ) from None


def _tls(access: Access) -> ssl.SSLContext:
    context = ssl.create_default_context(cadata=access.authority)
    # OpenSSL takes a certificate's key from a file only; this one is ours alone, and soon gone.
    with tempfile.NamedTemporaryFile("w", suffix=".pem") as file:
        file.write(f"{access.certificate}\n{access.key}")
        file.flush()
        context.load_cert_chain(file.name)
    return context


def _named(document: Json, kind: str, name: str, content: str) -> Json:
    for item in _list(document, kind):
        if item["name"] == name:
            return _map(item, content)
    raise KeyError(f"no {content} {name}")


def _decoded(document: Json, key: str) -> str:
    return base64.b64decode(str(document[key]), validate=True).decode()


def _map(document: Json, key: str) -> Json:
    return cast("Json", document.get(key) or {})


def _list(document: Json, key: str) -> Sequence[Json]:
    return cast("Sequence[Json]", document.get(key) or ())
