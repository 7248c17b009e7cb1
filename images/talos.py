"""What nodes boot, from the image factory or from local files."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from config.images import TalosImage
from images import store
from images.download import Remote
from images.progress import say
from images.store import Stored

# The factory makes an image when it is asked for the first time, which may take a while.
_REMEDY = (
    "check the network and the proxy, `version` and `schematic`, or name local files (`kernel` "
    "and `initramfs`, or `iso`)"
)


@dataclass(frozen=True, slots=True)
class Boot:
    """Either kernel and initramfs, or an ISO."""

    kernel: Stored | None = None
    initramfs: Stored | None = None
    iso: Stored | None = None


def boot(image: TalosImage) -> Boot:
    """Fetch what the image says. The initramfs stays packed: the kernel unpacks it."""
    if image.boot == "iso":
        return Boot(iso=_file(image, "ISO", "metal-amd64.iso", image.iso, image.iso_sha256))
    return Boot(
        kernel=_file(image, "kernel", "kernel-amd64", image.kernel, image.kernel_sha256),
        initramfs=_file(
            image, "initramfs", "initramfs-amd64.xz", image.initramfs, image.initramfs_sha256
        ),
    )


def _file(
    image: TalosImage, part: str, name: str, local: Path | None, sha256: str | None
) -> Stored:
    if local:
        return store.adopt(local, sha256, f"the nodes' {part}")
    what = f"the {part} of Talos {image.version}"
    url = f"{image.factory}/image/{image.schematic}/{image.version}/{name}"
    stored = store.fetch(Remote(url, what, _REMEDY, sha256))
    if sha256 is None:
        say(f"{what}: SHA-256 {stored.sha256}, which can be pinned")
    return stored
