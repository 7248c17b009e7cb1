"""What Talos makes of its machine configuration, as far as the twin needs it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Interface, IPv4Network
from typing import cast

import yaml

from twin import manifest
from twin.network import Route


@dataclass(frozen=True, slots=True)
class Machine:
    """A node's card with its addresses and routes, and the labels that the node is given.

    `dummies` are interfaces without a network behind them, and their addresses by their names.
    """

    addresses: tuple[IPv4Interface, ...]
    routes: frozenset[Route]
    labels: Mapping[str, str]
    dummies: Mapping[str, tuple[IPv4Interface, ...]]


def machine(patch: str) -> Machine:
    """The machine of a patch: its v1alpha1 document is the one without a kind."""
    documents = yaml.load_all(patch, Loader=manifest.Loader)
    proper = next(found for found in documents if "kind" not in found)
    configuration = manifest.mapping(proper, "machine")
    interfaces = manifest.sequence(manifest.mapping(configuration, "network"), "interfaces")
    (card,) = [interface for interface in interfaces if not interface.get("dummy")]
    return Machine(
        addresses=_addresses(card),
        routes=frozenset(
            Route(IPv4Network(str(route["network"])), gateway=IPv4Address(str(route["gateway"])))
            for route in manifest.sequence(card, "routes")
        ),
        labels=cast("Mapping[str, str]", manifest.mapping(configuration, "nodeLabels")),
        dummies={str(one["interface"]): _addresses(one) for one in interfaces if one.get("dummy")},
    )


def _addresses(interface: manifest.Manifest) -> tuple[IPv4Interface, ...]:
    return tuple(
        IPv4Interface(text) for text in cast("list[str]", interface.get("addresses") or ())
    )
