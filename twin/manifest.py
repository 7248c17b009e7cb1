"""Reading of documents as the Kubernetes API has them: mappings, labels, and what selects them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from ipaddress import ip_address, ip_network
from typing import TypeAlias, cast

import yaml

from config.families import Address, Network

Manifest: TypeAlias = Mapping[str, object]

#: libyaml reads ten times faster than Python where PyYAML has been built with it.
Loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class TranslationError(ValueError):
    """The resources ask for what Cilium, or the twin, would not do."""


@lru_cache(maxsize=4096)
def document(text: str) -> Manifest:
    """The one document of a text. Most are those of several nodes, and are read once for all."""
    return cast(Manifest, yaml.load(text, Loader=Loader))


def mapping(manifest: Manifest, *path: str) -> Manifest:
    """The mapping at a path, empty where there is none."""
    for part in path:
        manifest = cast(Manifest, manifest.get(part) or {})
    return manifest


def sequence(manifest: Manifest, key: str) -> Sequence[Manifest]:
    """The mappings under a key, none where there is no such key."""
    return cast("Sequence[Manifest]", manifest.get(key) or ())


def name(manifest: Manifest) -> str:
    """A resource's name."""
    return str(mapping(manifest, "metadata").get("name"))


def labels(manifest: Manifest) -> Mapping[str, str]:
    """A resource's labels."""
    return cast("Mapping[str, str]", mapping(manifest, "metadata", "labels"))


def selects(selector: Manifest, of: Mapping[str, str]) -> bool:
    """Whether a label selector matches these labels.

    Only `matchLabels` is in the rendered resources. Raises `TranslationError` for any other.
    """
    unknown = selector.keys() - {"matchLabels"}
    if unknown:
        raise TranslationError(f"selectors with {', '.join(sorted(unknown))} are not in the twin")
    wanted = cast("Mapping[str, str]", selector.get("matchLabels", {}))
    return all(of.get(label) == value for label, value in wanted.items())


def pod_cidrs(node: Manifest) -> list[Network]:
    """The ranges of a Node object's pods, one in each family, the primary one's first."""
    return [ip_network(text) for text in cast("list[str]", mapping(node, "spec")["podCIDRs"])]


def internal_addresses(node: Manifest) -> list[Address]:
    """The addresses by which a Node object's node is known in the cluster."""
    return [
        ip_address(str(entry["address"]))
        for entry in sequence(mapping(node, "status"), "addresses")
        if entry["type"] == "InternalIP"
    ]
