"""Cilium: Helm's values, and the resources by which its BGP control plane is told what to do.

Field names are those of Cilium 1.18 to 1.20 (docs.cilium.io, "BGP Control Plane Resources").
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

from config.families import Family
from config.machines import Node, Site
from config.plan import Plan
from render import cilium_metrics, egress, services
from render.documents import Document
from render.kubernetes import ZONE_LABEL, of_family
from render.sealed import Sealed

#: Where the agents listen for BGP, so that BIRD may dial. Not 179: that would take the capability
#: NET_BIND_SERVICE.
LISTEN_PORT = 1179

#: Where Talos' KubePrism answers on each node: the API server without a network in between.
KUBE_PRISM_PORT = 7445

#: Where Cilium looks for the passwords of BGP (`bgpControlPlane.secretsNamespace`).
SECRETS_NAMESPACE = "kube-system"

#: The label by which a peer configuration finds what to advertise, and the name of that.
_ADVERTISE_LABEL = "underlay.io/advertise"
_ADVERTISED = "to-routers"

_API_VERSION = "cilium.io/v2"

#: What the agent may do. Talos loads no modules for anyone, so SYS_MODULE is not among them
#: (Talos docs, "Deploy Cilium CNI").
_AGENT_CAPABILITIES = (
    "CHOWN",
    "KILL",
    "NET_ADMIN",
    "NET_RAW",
    "IPC_LOCK",
    "SYS_ADMIN",
    "SYS_RESOURCE",
    "DAC_OVERRIDE",
    "FOWNER",
    "SETGID",
    "SETUID",
)
_CLEANER_CAPABILITIES = ("NET_ADMIN", "SYS_ADMIN", "SYS_RESOURCE")


def helm_values(plan: Plan) -> Document:
    """The values of the Cilium chart: native routing on Talos, without NAT but by egress policies.

    `ipv4NativeRoutingCIDR` is not among them: it says what not to masquerade, and nothing is.
    """
    return {
        "ipam": {"mode": "kubernetes"},
        "kubeProxyReplacement": True,
        "k8sServiceHost": "localhost",
        "k8sServicePort": KUBE_PRISM_PORT,
        "cgroup": {"autoMount": {"enabled": False}, "hostRoot": "/sys/fs/cgroup"},
        "securityContext": {
            "capabilities": {
                "ciliumAgent": list(_AGENT_CAPABILITIES),
                "cleanCiliumState": list(_CLEANER_CAPABILITIES),
            }
        },
        "routingMode": "native",
        # Pods of one LAN go straight from node to node. Without `skip`, every node beyond the
        # router would be an error instead of being left to the default route.
        "autoDirectNodeRoutes": True,
        "directRoutingSkipUnreachable": True,
        **egress.values(plan),
        **_families(plan),
        # A node that passes a connection on to a pod elsewhere has the answers come back by itself.
        "loadBalancer": {"mode": "snat"},
        # A service without endpoints is withdrawn; by default, Cilium goes on announcing it where
        # externalTrafficPolicy is Cluster (docs.cilium.io, "Service Losing All Backends").
        "enableNoServiceEndpointsRoutable": False,
        "bgpControlPlane": {"enabled": True, "secretsNamespace": {"name": SECRETS_NAMESPACE}},
        # Its replicas refuse to share a node, and Helm would wait for the second one for ever.
        "operator": {"replicas": min(2, len(plan.nodes)), **cilium_metrics.operator(plan)},
        **cilium_metrics.values(plan),
    }


def _families(plan: Plan) -> Document:
    """What differs from the chart's own families, which are IPv4 alone."""
    values: Document = {}
    if Family.IPV4 not in plan.families:
        values["ipv4"] = {"enabled": False}
    if Family.IPV6 in plan.families:
        masquerades = egress.masquerades(plan, Family.IPV6)
        values |= {"ipv6": {"enabled": True}, "enableIPv6Masquerade": masquerades}
    return values


def bgp_cluster_config(plan: Plan, site: Site) -> Document:
    """The BGP instance of one datacentre's nodes: a peer for each router there and each family.

    The datacentre must have nodes: they are what the instance runs on.
    """
    peers = plan.sessions[site.nodes[0].name]
    return {
        "apiVersion": _API_VERSION,
        "kind": "CiliumBGPClusterConfig",
        "metadata": {"name": site.name},
        "spec": {
            "nodeSelector": {"matchLabels": {ZONE_LABEL: site.name}},
            "bgpInstances": [
                {
                    "name": site.name,
                    "localASN": site.nodes[0].asn,
                    "localPort": LISTEN_PORT,
                    "peers": [
                        {
                            "name": of_family(peer.neighbor_name, peer.family),
                            "peerAddress": str(peer.neighbor),
                            "peerASN": peer.neighbor_asn,
                            "peerConfigRef": {"name": of_family(site.name, peer.family)},
                        }
                        for peer in peers
                    ],
                }
            ],
        },
    }


def bgp_peer_config(plan: Plan, site: Site, family: Family) -> Document:
    """How one datacentre's nodes speak to its routers over sessions of this family.

    The family is spelt out: left out, Cilium negotiates two and advertises nothing.
    """
    timers = plan.timers
    secret = {"authSecretRef": secret_name(site.name)} if site.name in plan.passwords else {}
    return {
        "apiVersion": _API_VERSION,
        "kind": "CiliumBGPPeerConfig",
        "metadata": {"name": of_family(site.name, family)},
        "spec": {
            **secret,
            "timers": {
                "connectRetryTimeSeconds": timers.connect_retry_time,
                "holdTimeSeconds": timers.hold_time,
                "keepAliveTimeSeconds": timers.keepalive_time,
            },
            "gracefulRestart": {
                "enabled": True,
                "restartTimeSeconds": timers.graceful_restart_time,
            },
            "families": [
                {
                    "afi": family.value,
                    "safi": "unicast",
                    "advertisements": {"matchLabels": {_ADVERTISE_LABEL: _ADVERTISED}},
                }
            ],
        },
    }


def bgp_override(plan: Plan, node: Node) -> Document | None:
    """The BGP identifier of a node without IPv4; with it, Cilium takes the node's IPv4 address.

    Otherwise it would be made of a MAC that Cilium draws anew (docs.cilium.io, "BGP Control Plane
    Resources", router ID).
    """
    if Family.IPV4 in plan.families:
        return None
    instance = {"name": node.datacentre, "routerID": str(node.router_id)}
    return {
        "apiVersion": _API_VERSION,
        "kind": "CiliumBGPNodeConfigOverride",
        "metadata": {"name": node.name},
        "spec": {"bgpInstances": [instance]},
    }


def bgp_advertisement(plan: Plan) -> Document:
    """Each node advertises its PodCIDR, for which a selector is forbidden, services, and egress."""
    others = (services.advertisement(plan), egress.advertisement(plan))
    return {
        "apiVersion": _API_VERSION,
        "kind": "CiliumBGPAdvertisement",
        "metadata": {"name": _ADVERTISED, "labels": {_ADVERTISE_LABEL: _ADVERTISED}},
        "spec": {
            "advertisements": [
                {"advertisementType": "PodCIDR"},
                *(entry for entry in others if entry),
            ]
        },
    }


def bgp_secret(plan: Plan, site: Site) -> Sealed[Document] | None:
    """The password of the datacentre's sessions (RFC 2385), where it has one.

    Cilium reads the key `password`; a secret without it leaves the whole instance without peers.
    """
    if site.name not in plan.passwords:
        return None
    return Sealed((site.name,), partial(_secret, site.name))


def _secret(site: str, passwords: Mapping[str, str]) -> Document:
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": secret_name(site), "namespace": SECRETS_NAMESPACE},
        "type": "Opaque",
        "stringData": {"password": passwords[site]},
    }


def secret_name(site: str) -> str:
    """What the secret of a datacentre is called in Kubernetes."""
    return f"bgp-{site}"
