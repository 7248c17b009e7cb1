"""OpenWrt's files, from a server that stands in for its downloads and its build service."""

import gzip
import hashlib
from pathlib import Path
from typing import Any

import pytest

from config.images import OpenWrtImage
from images import asu, openwrt
from images.errors import ImageError
from tests.images.upstream import Upstream

FOLDER = "/releases/25.12.5/targets/x86/64"
KERNEL = f"{FOLDER}/openwrt-25.12.5-x86-64-generic-kernel.bin"
ROOT = "/store/abc/openwrt-25.12.5-x86-64-generic-ext4-rootfs.img.gz"
PACKED = gzip.compress(b"root" * 100_000, mtime=0)


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(asu, "POLL_SECONDS", 0.01)


@pytest.fixture
def service(upstream: Upstream) -> Upstream:
    """The release's kernel with its list of checksums, and a root that is built when asked for."""
    digest = upstream.serve(KERNEL, b"kernel")
    sums = f"{'0' * 64} *other.bin\n{digest} *{KERNEL.rsplit('/', 1)[1]}\n"
    upstream.serve(f"{FOLDER}/sha256sums", sums.encode())
    upstream.serve(ROOT, PACKED)
    upstream.builds = [
        (202, {"detail": "queued", "queue_position": 2, "request_hash": "abc"}),
        (202, {"imagebuilder_status": "building_image", "request_hash": "abc"}),
        (502, {}),
        (200, built()),
    ]
    return upstream


def built(**changes: Any) -> dict[str, Any]:  # noqa: ANN401 — as the service answers
    name = ROOT.rsplit("/", 1)[1]
    images = [
        {"type": "rootfs", "filesystem": "squashfs", "name": "other", "sha256": "0"},
        {"type": "combined", "filesystem": "ext4", "name": "another", "sha256": "0"},
        {"type": "rootfs", "filesystem": "ext4", "name": name,
         "sha256": hashlib.sha256(PACKED).hexdigest()},
    ]  # fmt: skip
    manifest = {"bird2": "2.19.2-r1", "keepalived": "2.3.4-r1"}
    return {"bin_dir": "abc", "images": images, "manifest": manifest, "detail": "done", **changes}


def image(upstream: Upstream, **fields: object) -> OpenWrtImage:
    servers = {"downloads": upstream.url, "build_service": upstream.url}
    return OpenWrtImage.model_validate({**servers, **fields})


def test_kernel_and_root_are_had_once(
    service: Upstream, capsys: pytest.CaptureFixture[str]
) -> None:
    wanted = image(service, packages=["bird2=2.19.2-r1", "keepalived"], root_size_mb=256)
    kernel, root = openwrt.kernel(wanted), openwrt.root(wanted)
    assert kernel.path.read_bytes() == b"kernel"
    assert root.path.read_bytes() == b"root" * 100_000
    assert kernel.sha256 in kernel.path.name
    assert root.sha256 in root.path.name
    assert service.bodies == [
        {
            "distro": "openwrt",
            "version": "25.12.5",
            "target": "x86/64",
            "profile": "generic",
            "packages": ["bird2", "keepalived"],
            "client": "underlay/0.1",
            "rootfs_size_mb": 256,
        }
    ]
    assert "queued (place 2)" in capsys.readouterr().err
    before = len(service.requests)
    assert (openwrt.kernel(wanted), openwrt.root(wanted)) == (kernel, root)
    assert len(service.requests) == before


def test_a_pinned_kernel_needs_no_list(service: Upstream) -> None:
    pin = hashlib.sha256(b"kernel").hexdigest()
    openwrt.kernel(image(service, kernel_sha256=pin))
    assert service.asked(f"{FOLDER}/sha256sums") == 0


def test_a_kernel_that_the_list_does_not_know(service: Upstream) -> None:
    service.serve(f"{FOLDER}/sha256sums", b"")
    with pytest.raises(ImageError, match=r"does not list .*kernel\.bin: check `release`, or pin"):
        openwrt.kernel(image(service))


def test_a_release_that_does_not_exist(service: Upstream) -> None:
    with pytest.raises(ImageError, match=r"answered 404 Not Found: check the network .*`kernel`"):
        openwrt.kernel(image(service, release="25.12.99"))


@pytest.mark.parametrize(
    ("status", "content", "words"),
    [
        (400, {"detail": "Unsupported version: 25.12.5"}, r"Unsupported .*correct `release`"),
        (500, {"detail": "Error: Impossible package selection: missing (bird9)", "stderr": "a\nb"},
         r"cannot be built: Impossible package selection: missing \(bird9\) \[b\]"),
        (529, {"detail": "server overload"}, "is overloaded: run this again later"),
        (200, built(images=[]), r"made no ext4 root of OpenWrt 25\.12\.5: name a local image"),
        (200, built(manifest={"bird2": "3"}), r"bird2 is pinned to 2\.19\.2-r1, but .* has 3"),
    ],
)  # fmt: skip
def test_what_the_build_service_may_answer(
    service: Upstream, status: int, content: dict[str, Any], words: str
) -> None:
    service.builds = [(status, content)]
    with pytest.raises(ImageError, match=words):
        openwrt.root(image(service, packages=["bird2=2.19.2-r1"]))


def test_a_build_that_does_not_end(service: Upstream, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(asu, "LIMIT_SECONDS", 0.1)
    service.builds = [(202, {"detail": "started", "request_hash": "abc"})]
    with pytest.raises(ImageError, match=r"was not built after 0 minutes .*run this again later"):
        openwrt.root(image(service))


def test_a_root_that_is_not_the_pinned_one(service: Upstream) -> None:
    with pytest.raises(ImageError, match=r"is now built with SHA-256 .*packages have moved on"):
        openwrt.root(image(service, root_sha256="1" * 64))


def test_a_service_that_is_not_there() -> None:
    nobody = OpenWrtImage.model_validate({"build_service": "http://127.0.0.1:9"})
    with pytest.raises(ImageError, match=r"127\.0\.0\.1:9 cannot be reached .*name local files"):
        openwrt.root(nobody)


def test_local_files_need_no_network(tmp_path: Path) -> None:
    (tmp_path / "kernel").write_bytes(b"kernel")
    (tmp_path / "root.img.gz").write_bytes(PACKED)
    (tmp_path / "initrd").write_bytes(b"initrd")
    local = OpenWrtImage(
        kernel=tmp_path / "kernel",
        kernel_sha256=hashlib.sha256(b"kernel").hexdigest(),
        root=tmp_path / "root.img.gz",
        initrd=tmp_path / "initrd",
    )
    first = openwrt.kernel(local)
    assert openwrt.root(local).path.name.endswith("-root.img")
    initrd = openwrt.initrd(local)
    assert initrd is not None
    assert initrd.path.read_bytes() == b"initrd"
    (tmp_path / "kernel").write_bytes(b"another")
    with pytest.raises(ImageError, match=r"kernel has SHA-256 .*its pin says .*correct the pin"):
        openwrt.kernel(local)
    assert first.path.read_bytes() == b"kernel"


def test_a_local_file_that_is_missing(tmp_path: Path) -> None:
    with pytest.raises(ImageError, match=r"the router's root .*/none does not exist: put it there"):
        openwrt.root(OpenWrtImage(root=tmp_path / "none"))
    with pytest.raises(ImageError, match="is a folder: name the file in it"):
        openwrt.root(OpenWrtImage(root=tmp_path))


def test_a_damaged_gzip(tmp_path: Path) -> None:
    (tmp_path / "root.img.gz").write_bytes(PACKED[: len(PACKED) // 2])
    with pytest.raises(ImageError, match="is a damaged gzip"):
        openwrt.root(OpenWrtImage(root=tmp_path / "root.img.gz"))
