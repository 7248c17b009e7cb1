"""Egress gateways as Cilium's agents make them, with the kernel's means instead of eBPF.

Follows Cilium 1.20 (its pkg/egressgateway and bpf/lib/egress_gateway.h): policies come to entries
of a source and a range, of which the longest counts; what matches none keeps its way and source.
A packet of a selected pod goes to the gateway's node and gets the egress address there.

The tunnel between the two is stood in for: the pod's node has the gateway's node as the next hop
for such packets, which takes the two to be on one LAN. Cilium spares what goes to pods and nodes
of the cluster in any case; here, only `excludedCIDRs` do.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from ipaddress import ip_address, ip_network
from typing import cast

from config.families import Address, Family, Network, family_of, find
from twin import cilium, manifest
from twin.manifest import Manifest, TranslationError, labels, mapping, selects, sequence

#: What the values must have for the agent to start (Cilium 1.20, pkg/egressgateway/manager.go).
_NEEDS = (("enableIPv4Masquerade",), ("bpf", "masquerade"), ("kubeProxyReplacement",))


@dataclass(frozen=True, slots=True)
class Pod:
    """A pod as the API server knows it, with its address in each family."""

    labels: Mapping[str, str]
    node: str
    addresses: tuple[Address, ...]


@dataclass(frozen=True, slots=True)
class Entry:
    """What becomes of packets from a pod's address to a range: nothing where it is `excluded`.

    Otherwise they go to `gateway`, which is None where no node is one, and leave it as `address`.
    `node` is the pod's. All addresses are of one family.
    """

    node: str
    source: Address
    destination: Network
    excluded: bool
    gateway: Address | None
    address: Address


def entries(
    values: Manifest, manifests: Iterable[Manifest], nodes: Sequence[Manifest]
) -> tuple[Entry, ...]:
    """What the policies come to for the pods among the documents, the longest ranges first.

    `nodes` are the Node objects. Raises `TranslationError` where the agent would not start, or
    would not do what a policy says.
    """
    documents = list(manifests)
    policies = [d for d in documents if d.get("kind") == "CiliumEgressGatewayPolicy"]
    if not mapping(values, "egressGateway").get("enabled"):
        return ()  # the agent does not even look at policies
    for path in _NEEDS:
        if not mapping(values, *path[:-1]).get(path[-1]):
            raise TranslationError(f"egressGateway.enabled needs {'.'.join(path)}")
    if Family.IPV4 not in cilium.families(values):
        raise TranslationError("egressGateway.enabled needs ipv4.enabled: its tunnel is of IPv4")
    pods = [_pod(document) for document in documents if document.get("kind") == "Pod"]
    for policy in policies:
        _judge(values, policy)
    found = (entry for policy in policies for entry in _of_policy(policy, pods, nodes))
    return tuple(sorted(found, key=lambda entry: -entry.destination.prefixlen))


def _pod(document: Manifest) -> Pod:
    status = mapping(document, "status")
    listed = [entry["ip"] for entry in sequence(status, "podIPs")] or [status["podIP"]]
    return Pod(
        labels=labels(document),
        node=str(mapping(document, "spec")["nodeName"]),
        addresses=tuple(ip_address(str(address)) for address in listed),
    )


def _judge(values: Manifest, policy: Manifest) -> None:
    """Refuse a policy that comes to something else with Cilium than what it seems to say."""
    name, spec = manifest.name(policy), mapping(policy, "spec")
    family = family_of(_egress_address(spec))
    if any(family_of(network) is not family for network in _ranges(spec, "destinationCIDRs")):
        raise TranslationError(
            f"the egress policy {name} has destinations of another family than its egressIP, which "
            "is not in the twin: use a policy for each family"
        )
    if family is Family.IPV6 and not values.get("enableIPv6Masquerade", True):
        raise TranslationError(f"the egress policy {name} needs enableIPv6Masquerade")


def _of_policy(policy: Manifest, pods: Sequence[Pod], nodes: Sequence[Manifest]) -> Iterator[Entry]:
    spec = mapping(policy, "spec")
    address = _egress_address(spec)
    family = family_of(address)
    wanted = mapping(mapping(spec, "egressGateway"), "nodeSelector")
    ways = (
        find(family, manifest.internal_addresses(node))
        for node in sorted(nodes, key=manifest.name)
        if selects(wanted, labels(node))
    )
    gateway = next((way for way in ways if way), None)
    for pod in _selected(sequence(spec, "selectors"), pods, nodes):
        if source := find(family, pod.addresses):
            for key in ("destinationCIDRs", "excludedCIDRs"):
                for network in _ranges(spec, key):
                    if family_of(network) is family:
                        yield Entry(
                            node=pod.node,
                            source=source,
                            destination=network,
                            excluded=key == "excludedCIDRs",
                            gateway=gateway,
                            address=address,
                        )


def _egress_address(spec: Manifest) -> Address:
    return ip_address(str(mapping(spec, "egressGateway")["egressIP"]))


def _ranges(spec: Manifest, key: str) -> Iterator[Network]:
    yield from map(ip_network, cast("Sequence[str]", spec.get(key) or ()))


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
