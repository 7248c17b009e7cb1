"""Kernel modules: which ones need which, read from the modules themselves.

Each says so in its section .modinfo (kernel, `include/linux/module.h`: MODULE_ALIAS, depends), so
that `depmod` is not needed to build an image.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Module:
    """A module's file, the modules it needs, the names it is asked for by."""

    path: Path
    needs: tuple[str, ...]
    aliases: tuple[str, ...]


def scan(folder: Path) -> dict[str, Module]:
    """Every module below a folder, by name."""
    return {_plain(path.stem): _read(path) for path in sorted(folder.rglob("*.ko"))}


def ordered(modules: Mapping[str, Module], names: Iterable[str]) -> list[str]:
    """The modules with all that they need, which comes before them."""
    order: list[str] = []

    def add(name: str) -> None:
        for needed in modules[name].needs:
            add(needed)
        if name not in order:
            order.append(name)

    for name in names:
        add(name)
    return order


def write_indexes(modules: Mapping[str, Module], folder: Path) -> None:
    """The text files that BusyBox' modprobe reads: modules.dep and modules.alias."""
    lines = []
    for name, module in modules.items():
        needed = [needs for needs in ordered(modules, [name]) if needs != name]
        paths = (str(modules[needs].path.relative_to(folder)) for needs in reversed(needed))
        lines.append(f"{module.path.relative_to(folder)}: {' '.join(paths)}".rstrip())
    (folder / "modules.dep").write_text("\n".join(lines) + "\n")
    aliases = [f"alias {alias} {name}" for name, one in modules.items() for alias in one.aliases]
    (folder / "modules.alias").write_text("\n".join(aliases) + "\n")


def _read(path: Path) -> Module:
    content = path.read_bytes()
    needs = re.search(rb"\0depends=([^\0]*)\0", content)
    names = needs[1].decode().split(",") if needs else []
    aliases = re.findall(rb"\0alias=([^\0]*)\0", content)
    return Module(
        path,
        tuple(_plain(name) for name in names if name),
        tuple(sorted({alias.decode() for alias in aliases})),
    )


def _plain(name: str) -> str:
    return name.replace("-", "_")
