"""A stack's settings from its file, without an engine and without a passphrase."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import cast

import yaml

from config.load import load
from config.settings import Settings


def read(folder: Path, stack: str) -> Settings:
    """What `Pulumi.<stack>.yaml` says. A stack that has no file yet has the defaults.

    Passwords stay out: they are encrypted, and nothing that is looked at depends on them. Raises
    `ConfigurationError` with everything that is wrong, and `ValueError` if it is no YAML.
    """
    file = folder / f"Pulumi.{stack}.yaml"
    try:
        written = yaml.safe_load(file.read_text()) if file.exists() else None
    except yaml.YAMLError as error:
        raise ValueError(f"{file.name} is no YAML: {error}") from None
    config = cast("Mapping[str, object]", (written or {}).get("config") or {})

    def part(name: str) -> Mapping[str, object] | None:
        return cast("Mapping[str, object] | None", config.get(f"underlay:{name}"))

    return load(
        fabric=part("fabric"),
        libvirt=part("libvirt"),
        substrate=cast("str | None", config.get("underlay:substrate")),
    )
