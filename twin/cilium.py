"""What Cilium's BGP control plane makes of its resources, as a GoBGP configuration.

Follows Cilium 1.19 and 1.20 (https://docs.cilium.io, BGP Control Plane): the first
CiliumBGPClusterConfig whose selector matches counts, a peer without its CiliumBGPPeerConfig is
left out, and a family announces what the advertisements of its selector name, else nothing.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from ipaddress import IPv4Address, ip_address
from typing import cast

from config.families import Address, Family, Network, family_of, single
from twin.gobgp import Neighbor, Speaker
from twin.manifest import Manifest, TranslationError, labels, mapping, name, selects, sequence
from twin.services import Service, announced

#: The defaults of CiliumBGPPeerConfig's fields (its CRD).
_PEER_PORT = 179
_TIMERS = {"connectRetryTimeSeconds": 120, "holdTimeSeconds": 90, "keepAliveTimeSeconds": 30}
_RESTART_TIME = 120


@dataclass(frozen=True, slots=True)
class Resources:
    """The cluster's Cilium resources, as far as a node of one datacentre can see them."""

    cluster_configs: tuple[Manifest, ...]
    overrides: tuple[Manifest, ...]
    peer_configs: tuple[Manifest, ...]
    advertisements: tuple[Manifest, ...]
    secrets: tuple[Manifest, ...]


def resources(manifests: Iterable[Manifest]) -> Resources:
    """The manifests by what they are."""
    by_kind: defaultdict[object, list[Manifest]] = defaultdict(list)
    for manifest in manifests:
        by_kind[manifest.get("kind")].append(manifest)
    return Resources(
        cluster_configs=tuple(by_kind["CiliumBGPClusterConfig"]),
        overrides=tuple(by_kind["CiliumBGPNodeConfigOverride"]),
        peer_configs=tuple(by_kind["CiliumBGPPeerConfig"]),
        advertisements=tuple(by_kind["CiliumBGPAdvertisement"]),
        secrets=tuple(by_kind["Secret"]),
    )


def families(values: Manifest) -> tuple[Family, ...]:
    """The families that Helm's values turn on; IPv4 alone where they say nothing."""
    by_default = {Family.IPV4: True, Family.IPV6: False}
    return tuple(
        family
        for family, default in by_default.items()
        if mapping(values, family.value).get("enabled", default)
    )


@dataclass(frozen=True, slots=True)
class Local:
    """A node, and what its agent knows of services: which there are, and which pods answer.

    It has an address and a PodCIDR in each family. `interfaces` are the addresses of its interfaces
    by their names.

    `announces_without_endpoints` is `enable-no-service-endpoints-routable`.
    """

    name: str
    labels: Mapping[str, str]
    addresses: Sequence[Address]
    pod_cidrs: Sequence[Network]
    interfaces: Mapping[str, Sequence[Address]] = field(default_factory=dict)
    services: Sequence[Service] = ()
    ready: AbstractSet[str] = frozenset()
    announces_without_endpoints: bool = True


def speaker(resources: Resources, node: Local) -> Speaker | None:
    """What the agent on a node does, or None where no resource selects the node."""
    matching = [
        config
        for config in resources.cluster_configs
        if selects(mapping(config, "spec", "nodeSelector"), node.labels)
    ]
    if not matching:
        return None
    instances = sequence(mapping(matching[0], "spec"), "bgpInstances")
    if len(instances) != 1:
        raise TranslationError(
            f"{name(matching[0])} has {len(instances)} bgpInstances, and the twin runs one a node"
        )
    instance = instances[0]
    local_asn = cast(int, instance.get("localASN", 0))
    neighbors: list[Neighbor] = []
    told: defaultdict[Family, set[frozenset[Network]]] = defaultdict(set)
    for peer in sequence(instance, "peers"):
        config = _peer_config(resources, peer)
        if config is not None:
            neighbor = _neighbor(peer, config, local_asn, resources.secrets)
            neighbors.append(neighbor)
            for family in neighbor.families:
                prefixes = _announced(config, family, resources.advertisements, node)
                if family is family_of(neighbor.address):
                    told[family].add(prefixes)
                elif prefixes:
                    raise TranslationError(
                        f"{name(config)} announces {family.label} over the session with "
                        f"{neighbor.address}, with a next hop that no router can use"
                    )
    if any(len(found) > 1 for found in told.values()):
        raise TranslationError(
            f"{name(matching[0])} announces to some peers alone, which the twin does not"
        )
    return Speaker(
        asn=local_asn,
        router_id=_router_id(resources.overrides, node, instance),
        listen_port=cast("int | None", instance.get("localPort")),
        neighbors=tuple(neighbors),
        next_hops=tuple(node.addresses),
        prefixes=tuple(
            sorted((prefix for found in told.values() for p in found for prefix in p), key=_order)
        ),
    )


def _order(prefix: Network) -> tuple[int, int, int]:
    return prefix.version, int(prefix.network_address), prefix.prefixlen


def _router_id(overrides: Sequence[Manifest], node: Local, instance: Manifest) -> IPv4Address:
    """The override's, or the node's IPv4 address. Else Cilium would make one of a MAC."""
    for override in overrides:
        for own in sequence(mapping(override, "spec"), "bgpInstances"):
            if name(override) == node.name and own.get("name") == instance.get("name"):
                return IPv4Address(str(own["routerID"]))
    for address in node.addresses:
        if isinstance(address, IPv4Address):
            return address
    raise TranslationError(
        f"{node.name} has neither an IPv4 address nor a CiliumBGPNodeConfigOverride with a routerID"
    )


def _neighbor(
    peer: Manifest, config: Manifest, local_asn: int, secrets: Sequence[Manifest]
) -> Neighbor:
    timers = {**_TIMERS, **cast("dict[str, int]", mapping(config, "spec", "timers"))}
    restart = mapping(config, "spec", "gracefulRestart")
    restart_time = cast(int, restart.get("restartTimeSeconds", _RESTART_TIME))
    port = mapping(config, "spec", "transport").get("peerPort", _PEER_PORT)
    return Neighbor(
        address=ip_address(str(peer["peerAddress"])),
        families=_families(config),
        asn=cast(int, peer.get("peerASN", 0)),
        local_asn=local_asn,
        port=cast(int, port),
        hold_time=timers["holdTimeSeconds"],
        keepalive_time=timers["keepAliveTimeSeconds"],
        connect_retry_time=timers["connectRetryTimeSeconds"],
        restart_time=restart_time if restart.get("enabled") else None,
        password=_password(mapping(config, "spec").get("authSecretRef"), secrets),
    )


def _peer_config(resources: Resources, peer: Manifest) -> Manifest | None:
    wanted = mapping(peer, "peerConfigRef").get("name")
    return next((config for config in resources.peer_configs if name(config) == wanted), None)


def _families(config: Manifest) -> tuple[Family, ...]:
    """Those that are negotiated over a session: both where the configuration names none."""
    named = sequence(mapping(config, "spec"), "families")
    return tuple(Family(str(family["afi"])) for family in named) or tuple(Family)


def _announced(
    config: Manifest, of: Family, advertisements: Sequence[Manifest], node: Local
) -> frozenset[Network]:
    found: set[Network] = set()
    for entry in _advertised(config, of, advertisements):
        match entry.get("advertisementType"):
            case "PodCIDR":
                found.update(node.pod_cidrs)
            case "Interface":
                wanted = str(mapping(entry, "interface").get("name"))
                found.update(map(single, node.interfaces.get(wanted, ())))
            case "Service":
                found |= announced(
                    entry,
                    node.services,
                    node=node.name,
                    ready=node.ready,
                    without_endpoints=node.announces_without_endpoints,
                )
    return frozenset(prefix for prefix in found if family_of(prefix) is of)


def _advertised(
    config: Manifest, of: Family, advertisements: Sequence[Manifest]
) -> Iterator[Manifest]:
    """What is advertised to a peer in one family: the entries of all that the family names."""
    for family in sequence(mapping(config, "spec"), "families"):
        if family.get("afi") == of and family.get("advertisements") is not None:
            for advertisement in advertisements:
                if selects(mapping(family, "advertisements"), labels(advertisement)):
                    yield from sequence(mapping(advertisement, "spec"), "advertisements")


def _password(reference: object, secrets: Sequence[Manifest]) -> str | None:
    """A secret that is not there leaves the session unsigned, as Cilium does."""
    for secret in secrets:
        if name(secret) == reference:
            return str(mapping(secret, "stringData")["password"])
    return None
