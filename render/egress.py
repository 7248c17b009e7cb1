"""Egress gateways: Cilium's policies and values for them, and what their nodes announce.

Field names are those of Cilium 1.19 and 1.20 (docs.cilium.io, "Egress Gateway" and "BGP Control
Plane Resources").
"""

from __future__ import annotations

from config.egress_gateways import Gateway
from config.families import Family, of
from config.machines import Site
from config.plan import Plan
from config.pods import pod_address
from render.documents import Document
from render.kubernetes import HOSTNAME_LABEL, ZONE_LABEL

#: The interface of a gateway's node that holds the egress address. Cilium has no advertisement of
#: egress addresses; it announces what a named interface has, on nodes that have such an interface.
INTERFACE = "egress"


def values(plan: Plan) -> Document:
    """What the chart's values say of masquerading: none of it but by egress policies.

    The agent refuses egress gateways without masquerading, and without that in BPF (Cilium 1.19,
    pkg/egressgateway/manager.go). Whatever ip-masq-agent has for no target of masquerading keeps
    its source, and that is everything; policies come before it (bpf/lib/nat.h,
    snat_v4_needs_masquerade). `ipv4NativeRoutingCIDR` could not say so: there, a length of 0 makes
    a shift by the width of the number (bpf/lib/ipv4.h, ipv4_is_in_subnet).
    """
    if plan.egress_gateway is None:
        return {"enableIPv4Masquerade": False}
    return {
        "enableIPv4Masquerade": True,
        "bpf": {"masquerade": True},
        "ipMasqAgent": {"enabled": True, "config": {"nonMasqueradeCIDRs": ["0.0.0.0/0"]}},
        "egressGateway": {"enabled": True},
    }


def advertisement(plan: Plan) -> Document | None:
    """What a node advertises as a gateway."""
    if plan.egress_gateway is None:
        return None
    return {"advertisementType": "Interface", "interface": {"name": INTERFACE}}


def policy(plan: Plan, site: Site) -> Document | None:
    """The policy for the pods of one datacentre: they leave by its own gateway.

    A selector's `nodeSelector` says where the pods are. The fabric's own ranges are left out, for
    Cilium would translate what goes to them as well (cilium#38221).
    """
    egress = plan.egress_gateway
    gateway = egress.of(site.name) if egress else None
    if egress is None or gateway is None:
        return None
    return {
        "apiVersion": "cilium.io/v2",
        "kind": "CiliumEgressGatewayPolicy",
        "metadata": {"name": site.name},
        "spec": {
            "selectors": [
                {
                    "podSelector": {"matchLabels": dict(egress.selector)},
                    "nodeSelector": {"matchLabels": {ZONE_LABEL: site.name}},
                }
            ],
            "destinationCIDRs": [str(network) for network in egress.destinations],
            "excludedCIDRs": [str(network) for network in egress.excluded],
            "egressGateway": {
                "nodeSelector": {"matchLabels": {HOSTNAME_LABEL: gateway.node}},
                "egressIP": str(gateway.address),
            },
        },
    }


def interface(gateway: Gateway) -> Document:
    """The gateway's interface as Talos' `machine.network.interfaces` have it."""
    return {"interface": INTERFACE, "dummy": True, "addresses": [str(gateway.route)]}


def pods(plan: Plan, site: Site) -> tuple[Document, ...]:
    """The twin's pods that policies select, the last of each node; it has no API server.

    On a cluster they are whatever carries the labels. Policies are of IPv4, so their address is.
    """
    if plan.egress_gateway is None:
        return ()
    number, labels = plan.pods_per_node, dict(plan.egress_gateway.selector)
    return tuple(
        {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {"name": f"{node.name}-pod{number}", "labels": labels},
            "spec": {"nodeName": node.name},
            "status": {"podIP": str(pod_address(of(Family.IPV4, node.pod_cidrs), number))},
        }
        for node in site.nodes
    )
