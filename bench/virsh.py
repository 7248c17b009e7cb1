"""The objects of a stack on libvirt, made once more by a bare script of virsh's.

They are taken down as libvirt describes them, with the images in the volumes, so that both sides
make the same.
"""

from __future__ import annotations

import shlex
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.real_libvirt.daemon import Libvirtd

_PREAMBLE = 'set -e\nv() { virsh --quiet --connect qemu:///system "$@"; }\n'


@dataclass(frozen=True, slots=True)
class Objects:
    """Names of networks, pools and domains, whose descriptions and images are in a folder."""

    folder: Path
    networks: tuple[str, ...]
    pools: tuple[str, ...]
    volumes: tuple[tuple[str, str], ...]
    domains: tuple[str, ...]

    def make(self) -> str:
        """The script that makes them, in the order in which they need each other."""
        return _PREAMBLE + "".join(f"v {shlex.join(words)}\n" for words in self._make())

    def remove(self) -> str:
        """The script that removes them."""
        return _PREAMBLE + "".join(f"v {shlex.join(words)}\n" for words in self._remove())

    def _make(self) -> Iterator[tuple[str, ...]]:
        for name in self.networks:
            yield "net-define", self._file(name)
            yield "net-autostart", name
            yield "net-start", name
        for name in self.pools:
            yield "pool-define", self._file(name)
            yield "pool-build", name
            yield "pool-autostart", name
            yield "pool-start", name
        for pool, name in self.volumes:
            image = self.folder / name
            yield "vol-create-as", pool, name, str(image.stat().st_size), "--format", "raw"
            yield "vol-upload", "--pool", pool, name, str(image)
        for name in self.domains:
            yield "define", self._file(name)
            yield "autostart", name
            yield "start", name

    def _remove(self) -> Iterator[tuple[str, ...]]:
        for name in self.domains:
            yield "destroy", name
            yield "undefine", name
        for pool, name in self.volumes:
            yield "vol-delete", "--pool", pool, name
        for name in self.pools:
            yield "pool-destroy", name
            yield "pool-delete", name
            yield "pool-undefine", name
        for name in self.networks:
            yield "net-destroy", name
            yield "net-undefine", name

    def _file(self, name: str) -> str:
        return str(self.folder / f"{name}.xml")


def taken_down(machines: Libvirtd, images: Path, folder: Path) -> Objects:
    """All that there is on this libvirt, whose volumes were made of files below `images`."""
    networks, pools, domains = (
        tuple(machines.names(kind)) for kind in ("net-list", "pool-list", "list")
    )
    volumes = tuple(
        (pool, row.split()[0])
        for pool in pools
        for row in machines.virsh("vol-list", pool).splitlines()[2:]
        if row.strip()
    )
    # A volume is named by its router and its file.
    files = {path.name: path for path in images.rglob("*") if path.is_file()}
    for _, volume in volumes:
        source = next(path for name, path in files.items() if volume.endswith(f"-{name}"))
        shutil.copyfile(source, folder / volume)
    for kind, names in (("net-", networks), ("pool-", pools), ("", domains)):
        for name in names:
            text = machines.virsh(f"{kind}dumpxml", "--inactive", name)
            (folder / f"{name}.xml").write_text(text)
    return Objects(folder, networks, pools, volumes, domains)
