"""Objects of Kubernetes itself."""

from __future__ import annotations

from config.families import Family
from config.machines import Node
from render.documents import Document

#: The label that says which datacentre a node is in (Kubernetes, Well-Known Labels).
ZONE_LABEL = "topology.kubernetes.io/zone"

#: The label by which the kubelet names its node (Kubernetes, Well-Known Labels).
HOSTNAME_LABEL = "kubernetes.io/hostname"


def of_family(name: str, family: Family) -> str:
    """The name of what there is once in each family. IPv4's is the plain one."""
    return name if family is Family.IPV4 else f"{name}-{family}"


def node_object(node: Node) -> Document:
    """The v1 Node as the plan wants it.

    With `ipam.mode=kubernetes`, Cilium takes a node's PodCIDR from `spec.podCIDRs` of this object.
    It can be set once and never changed (Kubernetes API, NodeSpec), so the plan pins it here.
    """
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {
            "name": node.name,
            "labels": {ZONE_LABEL: node.datacentre, HOSTNAME_LABEL: node.name},
        },
        "spec": {
            "podCIDR": str(node.pod_cidr),
            "podCIDRs": [str(cidr) for cidr in node.pod_cidrs],
        },
        "status": {
            "addresses": [
                {"type": "InternalIP", "address": str(address.ip)} for address in node.lan.addresses
            ]
        },
    }
