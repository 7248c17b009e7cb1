"""Egress gateways as Cilium's agents make them, with the kernel's means instead of eBPF.

Follows Cilium 1.19 (its pkg/egressgateway and bpf/lib/egress_gateway.h): policies come to entries
of a source and a range, of which the longest counts; what matches none keeps its way and source.
A packet of a selected pod goes to the gateway's node and gets the egress address there.

The tunnel between the two is stood in for: the pod's node has the gateway's node as the next hop
for such packets, which takes the two to be on one LAN. Cilium spares what goes to pods and nodes
of the cluster in any case; here, only `excludedCIDRs` do.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network
from typing import cast

from twin import manifest
from twin.manifest import Manifest, TranslationError, labels, mapping, selects, sequence

#: What the values must have for the agent to start (Cilium 1.19, pkg/egressgateway/manager.go).
_NEEDS = (("enableIPv4Masquerade",), ("bpf", "masquerade"), ("kubeProxyReplacement",))


@dataclass(frozen=True, slots=True)
class Pod:
    """A pod as the API server knows it."""

    labels: Mapping[str, str]
    node: str
    address: IPv4Address


@dataclass(frozen=True, slots=True)
class Entry:
    """What becomes of a pod's packets to a range: nothing where it is `excluded`.

    Otherwise they go to `gateway`, which is None where no node is one, and leave it as `address`.
    """

    pod: Pod
    destination: IPv4Network
    excluded: bool
    gateway: IPv4Address | None
    address: IPv4Address


def entries(
    values: Manifest, manifests: Iterable[Manifest], nodes: Sequence[Manifest]
) -> tuple[Entry, ...]:
    """What the policies come to for the pods among the documents, the longest ranges first.

    `nodes` are the Node objects. Raises `TranslationError` where the agent would not start.
    """
    documents = list(manifests)
    policies = [d for d in documents if d.get("kind") == "CiliumEgressGatewayPolicy"]
    if not mapping(values, "egressGateway").get("enabled"):
        return ()  # the agent does not even look at policies
    for path in _NEEDS:
        if not mapping(values, *path[:-1]).get(path[-1]):
            raise TranslationError(f"egressGateway.enabled needs {'.'.join(path)}")
    pods = [_pod(document) for document in documents if document.get("kind") == "Pod"]
    found = (entry for policy in policies for entry in _of_policy(policy, pods, nodes))
    return tuple(sorted(found, key=lambda entry: -entry.destination.prefixlen))


def _pod(document: Manifest) -> Pod:
    return Pod(
        labels=labels(document),
        node=str(mapping(document, "spec")["nodeName"]),
        address=IPv4Address(str(mapping(document, "status")["podIP"])),
    )


def _of_policy(policy: Manifest, pods: Sequence[Pod], nodes: Sequence[Manifest]) -> Iterator[Entry]:
    spec = mapping(policy, "spec")
    way_out = mapping(spec, "egressGateway")
    wanted = mapping(way_out, "nodeSelector")
    ways = (
        address
        for n in sorted(nodes, key=manifest.name)
        if selects(wanted, labels(n))
        for address in manifest.internal_addresses(n)
        if isinstance(address, IPv4Address)
    )
    gateway = next(ways, None)
    for pod in _selected(sequence(spec, "selectors"), pods, nodes):
        for key in ("destinationCIDRs", "excludedCIDRs"):
            for text in cast("Sequence[str]", spec.get(key) or ()):
                yield Entry(
                    pod=pod,
                    destination=IPv4Network(text),
                    excluded=key == "excludedCIDRs",
                    gateway=gateway,
                    address=IPv4Address(str(way_out["egressIP"])),
                )


def _selected(
    selectors: Sequence[Manifest], pods: Sequence[Pod], nodes: Sequence[Manifest]
) -> Iterator[Pod]:
    """Any selector of pods must match, and if there are selectors of nodes, any of those."""
    of_nodes = [mapping(item, "nodeSelector") for item in selectors if "nodeSelector" in item]
    labels_of = {manifest.name(node): labels(node) for node in nodes}
    for pod in pods:
        is_meant = any(selects(mapping(item, "podSelector"), pod.labels) for item in selectors)
        of_node = labels_of.get(pod.node, {})
        if is_meant and (not of_nodes or any(selects(item, of_node) for item in of_nodes)):
            yield pod
