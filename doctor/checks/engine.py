"""Whether the engine is there, and the plugins that the stack's resources need."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from doctor.finding import Check, Finding

#: The SDKs of the plugins that stacks on libvirt use, by the plugins' names.
SDKS: Mapping[str, str] = {
    "libvirt": "pulumi-libvirt",
    "kubernetes": "pulumi-kubernetes",
    "talos": "pulumiverse-talos",
}
#: Where the plugin is published, for those that are not Pulumi's own.
_SERVERS = {"talos": " --server github://api.github.com/pulumiverse"}

_ENGINE = ("pulumi", "pulumi-language-python")
_NEVER_FETCHED = "PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION"


def check_engine(search_path: str) -> Check:
    """The command and its Python host."""
    return Check.of("engine", ", ".join(_ENGINE), _engine(search_path))


def _engine(search_path: str) -> Iterator[Finding]:
    for program in _ENGINE:
        if shutil.which(program, path=search_path) is None:
            yield Finding(f"{program} is not on PATH: make tools")


def check_plugins(cluster: bool, environment: Mapping[str, str] = os.environ) -> Check:
    """Each plugin of the version that its SDK asks for."""
    try:
        wanted = {name: version(sdk) for name, sdk in SDKS.items() if cluster or name == "libvirt"}
    except PackageNotFoundError as error:
        missing = f"{error.name} is not installed in .venv: python3 -m tools install --libvirt"
        return Check("plugins", "", (Finding(missing),))
    seen = ", ".join(f"{name} {number}" for name, number in wanted.items())
    return Check.of("plugins", seen, plugins(wanted, environment))


def plugins(wanted: Mapping[str, str], environment: Mapping[str, str]) -> Iterator[Finding]:
    """Those that neither PATH nor Pulumi's home has: it downloads them when they are needed."""
    home = Path(environment.get("PULUMI_HOME") or Path.home() / ".pulumi")
    is_forbidden = environment.get(_NEVER_FETCHED, "") in ("1", "true")
    for name, number in wanted.items():
        program = f"pulumi-resource-{name}"
        kept = home / "plugins" / f"resource-{name}-v{number}" / program
        if kept.exists() or shutil.which(program, path=environment.get("PATH")):
            continue
        when = f"and {_NEVER_FETCHED} is set" if is_forbidden else "so the next run downloads it"
        yield Finding(
            f"the plugin {name} {number} is not installed, {when}: pulumi plugin install resource "
            f"{name} {number}{_SERVERS.get(name, '')}",
            stops=is_forbidden,
        )
