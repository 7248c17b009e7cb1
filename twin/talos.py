"""What Talos makes of its machine configuration, as far as the twin needs it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import ip_address, ip_interface, ip_network
from typing import cast

import yaml

from config.families import Interface
from twin import manifest
from twin.network import Route


@dataclass(frozen=True, slots=True)
class Machine:
    """A node's card with its addresses and routes, and the labels that the node is given.

    `dummies` are interfaces without a network behind them, and their addresses by their names.
    """

    addresses: tuple[Interface, ...]
    routes: frozenset[Route]
    labels: Mapping[str, str]
    dummies: Mapping[str, tuple[Interface, ...]]


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
            Route(ip_network(str(route["network"])), gateway=ip_address(str(route["gateway"])))
            for route in manifest.sequence(card, "routes")
        ),
        labels=cast("Mapping[str, str]", manifest.mapping(configuration, "nodeLabels")),
        dummies={str(one["interface"]): _addresses(one) for one in interfaces if one.get("dummy")},
    )


def _addresses(interface: manifest.Manifest) -> tuple[Interface, ...]:
    return tuple(ip_interface(text) for text in cast("list[str]", interface.get("addresses") or ()))
