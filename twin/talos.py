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
    """A node's card with its addresses and routes, and the labels that the node is given."""

    addresses: tuple[IPv4Interface, ...]
    routes: frozenset[Route]
    labels: Mapping[str, str]


def machine(patch: str) -> Machine:
    """The machine of a patch: its v1alpha1 document is the one without a kind."""
    documents = yaml.load_all(patch, Loader=manifest.Loader)
    proper = next(found for found in documents if "kind" not in found)
    configuration = manifest.mapping(proper, "machine")
    (interface,) = manifest.sequence(manifest.mapping(configuration, "network"), "interfaces")
    return Machine(
        addresses=tuple(
            IPv4Interface(text) for text in cast("list[str]", interface.get("addresses") or ())
        ),
        routes=frozenset(
            Route(IPv4Network(str(route["network"])), gateway=IPv4Address(str(route["gateway"])))
            for route in manifest.sequence(interface, "routes")
        ),
        labels=cast("Mapping[str, str]", manifest.mapping(configuration, "nodeLabels")),
    )
