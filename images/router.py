"""Builds what one router boots: the image's root with the router's day-0 files in it."""

from __future__ import annotations

import re
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from config.images import OpenWrtImage
from images import cache, digests, e2fs, inject, openwrt, sparse, store
from images.errors import ImageError, of_disk
from images.inject import Content
from images.lock import locked
from images.store import Stored

#: Raised when the same inputs make another image than before.
_RECIPE = 1

#: What proves that a package is in the image.
_PROOFS = {
    "bird2": "/usr/sbin/bird",
    "bird2c": "/usr/sbin/birdc",
    "keepalived": "/usr/sbin/keepalived",
    "uhttpd": "/usr/sbin/uhttpd",
}
_PACKAGES = "/root/packages"
_INSTALL = {
    "24.10": f"opkg install {_PACKAGES}/*.ipk",
    "25.12": f"apk add --no-network --allow-untrusted {_PACKAGES}/*.apk",
}


@dataclass(frozen=True, slots=True)
class Order:
    """One router's image: what it is called, what it is made of."""

    stack: str
    name: str
    image: OpenWrtImage
    files: Mapping[str, str] = field(repr=False)
    modes: Mapping[str, int]
    links: Mapping[str, str]

    def identity(self) -> str:
        """A digest of all that was asked for. Local files count by what is in them."""
        asked = self.image.model_dump(mode="json")
        local = ("kernel", "initrd", "root")
        # Where files lie is nothing that a router notices; which of them are its own is.
        own = [key for key in local if asked.pop(key)]
        asked.pop("extra_packages")
        contents = [store.of_local(path, "the router's file") for path in self.image.local_files]
        return digests.of_value(
            [_RECIPE, self.stack, self.name, asked, own, contents]
            + [dict(part) for part in (self.files, self.modes, self.links)]
        )


@dataclass(frozen=True, slots=True)
class Boot:
    """What a router boots."""

    kernel: Stored
    root: Stored
    initrd: Stored | None


def build(order: Order) -> Boot:
    """Make the router's image, or find it made.

    Its name tells both what was asked for and what the root turned out to be, so that two
    different images never share one.
    """
    e2fs.require_programs()
    source = openwrt.root(order.image)
    kernel, initrd = openwrt.kernel(order.image), openwrt.initrd(order.image)
    digest = digests.of_value([order.identity(), source.sha256])
    what = f"the image of router {order.name}"
    try:
        with locked(f"router-{digest}", what):
            final = place(order.stack, order.name, digest)
            if (built := _built(final)) is None:
                built = _make(order, source.path, final)
    except OSError as error:
        raise of_disk(error, cache.root()) from error
    return Boot(kernel, built, initrd)


def place(stack: str, name: str, digest: str) -> Path:
    """Where a router's image lies."""
    return cache.folder("routers", _plain(stack)) / f"{_plain(name)}-{digest[:16]}.ext4"


def remove(path: Path) -> None:
    """Remove a router's image, if it is one, and its folder with the last."""
    if not path.is_relative_to(cache.root() / "routers"):
        return
    path.unlink(missing_ok=True)
    _sum(path).unlink(missing_ok=True)
    try:
        path.parent.rmdir()
    except OSError:
        return  # others are still in it, or it is gone


def _make(order: Order, source: Path, final: Path) -> Stored:
    drafts = cache.root() / "partial" / f"router-{final.stem}"
    shutil.rmtree(drafts, ignore_errors=True)  # left by a run that was killed
    try:
        drafts.mkdir(parents=True, mode=0o700)
        image = drafts / "root.ext4"
        with source.open("rb") as file:
            sparse.write(sparse.chunks(file), image)
        e2fs.require_ext4(image, f"the root for router {order.name}")
        if order.image.root_size_mb:
            e2fs.grow(image, order.image.root_size_mb << 20)
        _require_packages(order, image)
        inject.inject(image, _content(order), drafts)
        image.chmod(0o600)
        sha256 = digests.of_file(image)
        _sum(final).write_text(f"{sha256}  {final.name}\n")
        image.replace(final)  # last: an image without its checksum is not one
    except OSError as error:
        raise of_disk(error, drafts) from error
    finally:
        shutil.rmtree(drafts, ignore_errors=True)
    return Stored(final, sha256)


def _require_packages(order: Order, image: Path) -> None:
    names = [package.partition("=")[0] for package in order.image.packages]
    extra = [path.name for path in order.image.extra_packages]
    proofs = {
        _PROOFS[name]: name
        for name in names
        if name in _PROOFS and not any(re.split(r"[_-]\d", file)[0] == name for file in extra)
    }
    found = e2fs.look(image, list(proofs))
    if missing := [f"{path} (package {proofs[path]})" for path in proofs if path not in found]:
        raise ImageError(
            f"the root for router {order.name} has no {', '.join(missing)}: use an image that was "
            "built with these packages, or add their files as `extra_packages`"
        )


def _content(order: Order) -> Content:
    files = {path: text.encode() for path, text in order.files.items()}
    modes = dict(order.modes)
    if order.image.extra_packages:
        files |= {
            f"{_PACKAGES}/{path.name}": path.read_bytes() for path in order.image.extra_packages
        }
        # Such a script runs at every boot until it ends well, and then goes (OpenWrt wiki,
        # "UCI defaults"). The early number: what it installs, later ones may need.
        script = "/etc/uci-defaults/05-underlay-packages"
        files[script] = f"{_INSTALL[order.image.branch]} && rm -r {_PACKAGES}\n".encode()
        modes[script] = 0o755
    return Content(files, modes, order.links)


def _built(final: Path) -> Stored | None:
    try:
        sha256 = _sum(final).read_text().split()[0]
    except (FileNotFoundError, IndexError):
        return None
    return Stored(final, sha256) if store.is_intact(final, sha256) else None


def _sum(path: Path) -> Path:
    """Beside the image, in the format that `sha256sum -c` reads."""
    return path.with_suffix(".sha256")


def _plain(name: str) -> str:
    return re.sub(r"[^A-Za-z0-9._-]", "_", name).lstrip(".") or "_"
