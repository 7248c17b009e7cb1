"""What Talos makes of its machine configuration, as far as the twin needs it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from ipaddress import ip_address, ip_interface, ip_network
from typing import cast

import yaml

from config.families import Interface, Network
from twin import manifest
from twin.manifest import Manifest, TranslationError
from twin.network import Route


@dataclass(frozen=True, slots=True)
class IngressRule:
    """From where a node takes what comes to these ports, and from nowhere else."""

    protocol: str
    ports: tuple[str, ...]
    subnets: tuple[Network, ...]


@dataclass(frozen=True, slots=True)
class Machine:
    """A node's card with its addresses and routes, and the labels that the node is given.

    `dummies` are interfaces without a network behind them, and their addresses by their names.
    `ingress` is its firewall.
    """

    addresses: tuple[Interface, ...]
    routes: frozenset[Route]
    labels: Mapping[str, str]
    dummies: Mapping[str, tuple[Interface, ...]]
    ingress: tuple[IngressRule, ...]


def machine(patch: str) -> Machine:
    """The machine of a patch: its v1alpha1 document is the one without a kind.

    Raises `TranslationError` for a firewall that the twin cannot make.
    """
    documents = list(yaml.load_all(patch, Loader=manifest.Loader))
    proper = next(found for found in documents if "kind" not in found)
    configuration = manifest.mapping(proper, "machine")
    interfaces = manifest.sequence(manifest.mapping(configuration, "network"), "interfaces")
    (card,) = [interface for interface in interfaces if not interface.get("dummy")]
    return Machine(
        addresses=_addresses(card),
        routes=frozenset(
            Route(ip_network(str(route["network"])), gateway=ip_address(str(route["gateway"])))
            for route in manifest.sequence(card, "routes")
        ),
        labels=cast("Mapping[str, str]", manifest.mapping(configuration, "nodeLabels")),
        dummies={str(one["interface"]): _addresses(one) for one in interfaces if one.get("dummy")},
        ingress=tuple(_ingress(documents)),
    )


def _ingress(documents: Sequence[Manifest]) -> Iterator[IngressRule]:
    for document in documents:
        kind = document.get("kind")
        if kind == "NetworkDefaultActionConfig" and document.get("ingress") != "accept":
            raise TranslationError(f"{kind} other than ingress: accept is not in the twin")
        if kind != "NetworkRuleConfig":
            continue
        sources = manifest.sequence(document, "ingress")
        if any("except" in source for source in sources):
            raise TranslationError(f"{kind} with except is not in the twin: list the subnets")
        selector = manifest.mapping(document, "portSelector")
        yield IngressRule(
            protocol=str(selector["protocol"]),
            ports=tuple(map(str, cast("list[object]", selector["ports"]))),
            subnets=tuple(ip_network(str(source["subnet"])) for source in sources),
        )


def _addresses(interface: Manifest) -> tuple[Interface, ...]:
    return tuple(ip_interface(text) for text in cast("list[str]", interface.get("addresses") or ()))
