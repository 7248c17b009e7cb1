"""Whether images can be had: local files as they should be, servers that answer, room to keep."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from config.libvirt import Libvirt
from doctor.finding import Check, Finding
from images import cache, http, store
from images.errors import ImageError

_MEBIBYTE = 1 << 20


@dataclass(frozen=True, slots=True)
class Local:
    """A file of the user's own, and the SHA-256 that it should have."""

    what: str
    path: Path
    sha256: str | None = None


def local_files(libvirt: Libvirt) -> list[Local]:
    """All files that the configuration names."""
    router, node = libvirt.openwrt, libvirt.talos_image
    named = [
        ("the router's kernel", router.kernel, router.kernel_sha256),
        ("the router's root", router.root, router.root_sha256),
        ("the router's initrd", router.initrd, None),
        *(("the router's package", path, None) for path in router.extra_packages),
    ]
    if libvirt.cluster:
        named += [
            ("the nodes' kernel", node.kernel, node.kernel_sha256),
            ("the nodes' initramfs", node.initramfs, node.initramfs_sha256),
            ("the nodes' ISO", node.iso, node.iso_sha256),
        ]
    return [Local(what, path.expanduser(), sha256) for what, path, sha256 in named if path]


def check_files(libvirt: Libvirt) -> Check:
    """Each local file: there, readable, and what its pin says."""
    files = local_files(libvirt)
    seen = ", ".join(file.path.name for file in files) or "none of one's own"
    return Check.of("local images", seen, _files(files))


def _files(files: list[Local]) -> Iterator[Finding]:
    for file in files:
        try:
            store.pinned(file.path, file.sha256, file.what)
        except ImageError as error:
            yield Finding(str(error))


def servers(libvirt: Libvirt) -> dict[str, str]:
    """The servers that something comes from, by their URL."""
    router, node, cilium = libvirt.openwrt, libvirt.talos_image, libvirt.cilium
    found = {}
    if router.kernel is None:
        found[router.downloads] = "OpenWrt's kernel"
    if router.root is None:
        found[router.build_service] = "OpenWrt's root"
    if libvirt.cluster and (node.iso if node.boot == "iso" else node.kernel) is None:
        found[node.factory] = "Talos"
    if libvirt.cluster and cilium.chart is None:
        found[cilium.repository] = "Cilium's chart"
    return found


def check_servers(libvirt: Libvirt) -> Check:
    """Each server: whether it answers at all. What is cached already is not asked for again."""
    found = servers(libvirt)
    with ThreadPoolExecutor() as pool:
        complaints = dict(zip(found, pool.map(_complaint, found), strict=True))
    findings = (
        Finding(f"{complaint} ({found[url]} is got there unless it was before)", stops=False)
        for url, complaint in complaints.items()
        if complaint
    )
    return Check.of("downloads", ", ".join(found) or "none", findings)


def _complaint(url: str) -> str | None:
    """What is wrong with the way to the server; whatever it answers is an answer."""
    remedy = "check the network and the proxy, or name local files"
    try:
        with http.broken_off(url, remedy), http.client() as client:
            client.head(url)
    except ImageError as error:
        return str(error)
    return None


def check_cache(needed: int) -> Check:
    """Room for `needed` MiB of images where they are kept before they go to the hosts."""
    folder = cache.root()
    while not folder.is_dir():
        folder = folder.parent
    free = shutil.disk_usage(folder).free // _MEBIBYTE
    seen = f"{free} MiB for {cache.root()}, {needed} needed"
    return Check.of("image cache", seen, room(cache.root(), free, needed))


def room(folder: Path, free: int, needed: int) -> Iterator[Finding]:
    """Sizes are in MiB."""
    if free < needed:
        yield Finding(
            f"{folder} has room for {free} MiB, and images take {needed}: free some, or set "
            "XDG_CACHE_HOME to a folder with more room"
        )
