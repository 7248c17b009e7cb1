"""Egress gateways: Cilium's policies and values for them, and what their nodes announce.

Field names are those of Cilium 1.19 and 1.20 (docs.cilium.io, "Egress Gateway" and "BGP Control
Plane Resources").
"""

from __future__ import annotations

from collections.abc import Sequence

from config.egress_gateways import Egress, Gateway
from config.families import EVERYWHERE, Address, Family, family_of
from config.machines import Site
from config.plan import Plan
from config.pods import pod_address
from render.documents import Document
from render.kubernetes import HOSTNAME_LABEL, ZONE_LABEL, of_family

#: The interface of a gateway's node that holds the egress addresses. Cilium has no advertisement of
#: egress addresses; it announces what a named interface has, on nodes that have such an interface.
INTERFACE = "egress"


def values(plan: Plan) -> Document:
    """What the chart's values say of masquerading: none of it but by egress policies.

    The agent refuses egress gateways without masquerading in IPv4, and without that in BPF (Cilium
    1.19, pkg/egressgateway/manager.go). Whatever ip-masq-agent has for no target of masquerading
    keeps its source, and that is everything; policies come before it (bpf/lib/nat.h,
    snat_v4_needs_masquerade and snat_v6_needs_masquerade). `ipv4NativeRoutingCIDR` could not say
    so: there, a length of 0 makes a shift by the width of the number (bpf/lib/ipv4.h,
    ipv4_is_in_subnet).
    """
    if plan.egress_gateway is None:
        return {"enableIPv4Masquerade": False}
    spared = [str(all_) for family, all_ in EVERYWHERE.items() if masquerades(plan, family)]
    return {
        "enableIPv4Masquerade": True,
        "bpf": {"masquerade": True},
        "ipMasqAgent": {"enabled": True, "config": {"nonMasqueradeCIDRs": spared}},
        "egressGateway": {"enabled": True},
    }


def masquerades(plan: Plan, family: Family) -> bool:
    """Whether masquerading is on in a family: with gateways in IPv4, with theirs of IPv6 in IPv6.

    Policies of IPv6 need it there (Cilium 1.20, pkg/egressgateway/manager.go).
    """
    egress = plan.egress_gateway
    return egress is not None and (family is Family.IPV4 or family in egress.families)


def advertisement(plan: Plan) -> Document | None:
    """What a node advertises as a gateway: the interface's addresses of each session's family."""
    if plan.egress_gateway is None:
        return None
    return {"advertisementType": "Interface", "interface": {"name": INTERFACE}}


def policies(plan: Plan, site: Site) -> tuple[Document, ...]:
    """The policies for the pods of one datacentre, one in each family: they leave by its gateway.

    A policy takes one egress address. For destinations of the other family, Cilium 1.20 would find
    an address of its own choice on the same interface (pkg/egressgateway/policy.go).
    """
    egress = plan.egress_gateway
    gateway = egress.of(site.name) if egress else None
    if egress is None or gateway is None:
        return ()
    return tuple(_policy(egress, gateway, address) for address in gateway.addresses)


def _policy(egress: Egress, gateway: Gateway, address: Address) -> Document:
    """The policy in the address's family.

    A selector's `nodeSelector` says where the pods are. The fabric's own ranges are left out, for
    Cilium would translate what goes to them as well (cilium#38221).
    """
    family = family_of(address)
    return {
        "apiVersion": "cilium.io/v2",
        "kind": "CiliumEgressGatewayPolicy",
        "metadata": {"name": of_family(gateway.datacentre, family)},
        "spec": {
            "selectors": [
                {
                    "podSelector": {"matchLabels": dict(egress.selector)},
                    "nodeSelector": {"matchLabels": {ZONE_LABEL: gateway.datacentre}},
                }
            ],
            "destinationCIDRs": [str(n) for n in egress.destinations if family_of(n) is family],
            "excludedCIDRs": [str(n) for n in egress.excluded if family_of(n) is family],
            "egressGateway": {
                "nodeSelector": {"matchLabels": {HOSTNAME_LABEL: gateway.node}},
                "egressIP": str(address),
            },
        },
    }


def interface(gateway: Gateway) -> Document:
    """The gateway's interface as Talos' `machine.network.interfaces` have it."""
    return {
        "interface": INTERFACE,
        "dummy": True,
        "addresses": [str(route) for route in gateway.routes],
    }


def pods(plan: Plan, site: Site) -> tuple[Document, ...]:
    """The twin's pods that policies select, the last of each node; it has no API server.

    On a cluster they are whatever carries the labels.
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
            "status": _status([pod_address(cidr, number) for cidr in node.pod_cidrs]),
        }
        for node in site.nodes
    )


def _status(addresses: Sequence[Address]) -> Document:
    """A pod's addresses, the primary family's first (Kubernetes API, PodStatus)."""
    status: Document = {"podIP": str(addresses[0])}
    if len(addresses) > 1:
        status["podIPs"] = [{"ip": str(address)} for address in addresses]
    return status
