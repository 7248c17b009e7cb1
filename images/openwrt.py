"""The files of a router before anything is written into them: kernel, root, perhaps an initrd."""

from __future__ import annotations

from config.images import OpenWrtImage
from images import asu, digests, http, store
from images.download import Remote
from images.errors import ImageError
from images.store import Stored

_REMEDY = "check the network and the proxy, or name local files (`kernel` and `root`)"


def kernel(image: OpenWrtImage) -> Stored:
    """The release's own kernel, checked against its pin or the release's sha256sums."""
    what = f"the kernel of OpenWrt {image.release}"
    if image.kernel:
        return store.adopt(image.kernel, image.kernel_sha256, "the router's kernel")
    place = f"{image.downloads}/releases/{image.release}/targets/{image.target}"
    name = f"openwrt-{image.release}-{image.target.replace('/', '-')}-generic-kernel.bin"
    remote = Remote(f"{place}/{name}", what, _REMEDY, image.kernel_sha256)
    if remote.sha256:
        return store.fetch(remote)
    # Released files do not change: what was once checked stays known by its address.
    key = digests.of_value(["released", remote.url])
    return store.once(key, what, lambda: store.fetch(_with_sum(remote, f"{place}/sha256sums")))


def root(image: OpenWrtImage) -> Stored:
    """The root file system with its packages, unpacked."""
    what = f"the root of OpenWrt {image.release}"
    if image.root:
        local = store.adopt(image.root, image.root_sha256, "the router's root")
        return store.unpack(local, f"the router's root {image.root}")
    key = digests.of_value(["built", image.build_service, *image.packages, asu.request(image)])
    pinned = digests.of_value([key, image.root_sha256])
    packed = store.once(pinned, what, lambda: _built(image, what))
    return store.unpack(packed, what)


def initrd(image: OpenWrtImage) -> Stored | None:
    """The local initrd, for kernels that need one."""
    return store.adopt(image.initrd, None, "the router's initrd") if image.initrd else None


def _built(image: OpenWrtImage, what: str) -> Stored:
    built = asu.build(image, _REMEDY)
    if image.root_sha256 not in (None, built.sha256):
        raise ImageError(
            f"{what} is now built with SHA-256 {built.sha256}, but its pin says "
            f"{image.root_sha256}: packages have moved on; change the pin, or name a local image"
        )
    return store.fetch(Remote(built.url, what, _REMEDY, built.sha256))


def _with_sum(remote: Remote, sums: str) -> Remote:
    """The same with its checksum from the release's list: lines of `<hex> *<name>`."""
    for line in http.text(sums, remote.remedy).splitlines():
        digest, _, name = line.partition(" ")
        if name.lstrip(" *") == remote.name:
            return Remote(remote.url, remote.what, remote.remedy, digest.lower())
    raise ImageError(f"{sums} does not list {remote.name}: check `release`, or pin `kernel_sha256`")
