"""Talos' files, from a server that stands in for the image factory."""

from pathlib import Path

import pytest

from config.images import WITH_GUEST_AGENT, TalosImage
from images import talos
from images.errors import ImageError
from tests.images.upstream import Upstream

PLACE = f"/image/{WITH_GUEST_AGENT}/v1.13.9"


def test_kernel_and_initramfs_are_had_once(
    upstream: Upstream, capsys: pytest.CaptureFixture[str]
) -> None:
    digest = upstream.serve(f"{PLACE}/kernel-amd64", b"kernel")
    pin = upstream.serve(f"{PLACE}/initramfs-amd64.xz", b"\xfd7zXZ packed")
    image = TalosImage(factory=upstream.url, initramfs_sha256=pin)
    boot = talos.boot(image)
    assert boot.iso is None
    assert boot.kernel is not None
    assert boot.initramfs is not None
    assert boot.kernel.path.name == f"{digest}-kernel-amd64"
    assert boot.initramfs.path.read_bytes() == b"\xfd7zXZ packed"
    assert f"SHA-256 {digest}, which can be pinned" in capsys.readouterr().err
    assert talos.boot(image) == boot
    assert len(upstream.requests) == 2


def test_an_iso(upstream: Upstream) -> None:
    upstream.serve(f"{PLACE}/metal-amd64.iso", b"iso")
    boot = talos.boot(TalosImage(factory=upstream.url, boot="iso"))
    assert boot.iso is not None
    assert boot.iso.path.read_bytes() == b"iso"
    assert boot.kernel is None


def test_local_files(tmp_path: Path) -> None:
    for name in ("kernel", "initramfs"):
        (tmp_path / name).write_text(name)
    local = TalosImage(kernel=tmp_path / "kernel", initramfs=tmp_path / "initramfs")
    boot = talos.boot(local)
    assert boot.kernel is not None
    assert boot.kernel.path.read_text() == "kernel"


def test_a_version_that_the_factory_does_not_know(upstream: Upstream) -> None:
    with pytest.raises(ImageError, match=r"404 Not Found: check .*`version` and `schematic`"):
        talos.boot(TalosImage(factory=upstream.url))
