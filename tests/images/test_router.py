from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from config.images import OpenWrtImage
from images import e2fs, router, sparse
from images.errors import ImageError
from images.router import Order
from images.store import Stored
from tests.images import ext4


@pytest.fixture
def order(pristine: Path, tmp_path: Path) -> Order:
    (tmp_path / "kernel").write_bytes(b"kernel")
    return Order(
        stack="dev",
        name="ams-router1",
        image=OpenWrtImage(kernel=tmp_path / "kernel", root=pristine),
        files={"/etc/config/network": "config interface\n"},
        modes={},
        links={"/etc/rc.d/S70bird": "../init.d/bird"},
    )


def test_a_router_boots_its_files_under_a_name_of_their_own(order: Order, home: Path) -> None:
    boot = router.build(order)
    assert boot.initrd is None
    assert boot.root.path.parent == home / "routers" / "dev"
    assert boot.root.path.name.startswith("ams-router1-")
    assert boot.root.path.stat().st_mode & 0o777 == 0o600
    entries = e2fs.look(boot.root.path, ["/etc/rc.d/S70bird", "/etc/config/network"])
    assert entries["/etc/rc.d/S70bird"].target == "../init.d/bird"
    assert list((home / "partial").iterdir()) == []

    other = router.build(replace(order, files={"/etc/config/network": "other\n"}))
    assert other.root.path != boot.root.path
    assert other.kernel == boot.kernel
    assert router.build(replace(order, modes={"/etc/config/network": 0o600})) != boot


def test_the_second_build_does_nothing(order: Order, monkeypatch: pytest.MonkeyPatch) -> None:
    first = router.build(order)
    monkeypatch.setattr(router, "_make", None)
    assert router.build(order) == first


def test_at_once_it_is_built_once(order: Order, monkeypatch: pytest.MonkeyPatch) -> None:
    made = []
    make = router._make

    def counted(order: Order, source: Path, final: Path) -> Stored:
        made.append(final)
        return make(order, source, final)

    monkeypatch.setattr(router, "_make", counted)
    with ThreadPoolExecutor(4) as pool:
        boots = list(pool.map(lambda _: router.build(order), range(4)))
    assert len(made) == 1
    assert boots.count(boots[0]) == 4


def test_a_damaged_image_is_built_again(order: Order) -> None:
    boot = router.build(order)
    boot.root.path.write_bytes(b"damaged")
    again = router.build(order)
    assert again.root.path == boot.root.path
    e2fs.require_ext4(again.root.path, "it")


def test_removal_takes_the_image_and_leaves_the_downloads(order: Order, home: Path) -> None:
    boot = router.build(order)
    router.remove(boot.root.path)
    router.remove(boot.root.path)
    assert list((home / "routers").iterdir()) == []
    assert boot.kernel.path.exists()
    router.remove(boot.kernel.path)
    assert boot.kernel.path.exists()


def test_identity_follows_contents_and_not_places(order: Order, tmp_path: Path) -> None:
    moved = tmp_path / "moved"
    moved.write_bytes(b"kernel")
    elsewhere = replace(order, image=order.image.model_copy(update={"kernel": moved}))
    assert elsewhere.identity() == order.identity()
    moved.write_bytes(b"another kernel")
    assert elsewhere.identity() != order.identity()


def test_an_image_without_the_packages(order: Order, tmp_path: Path) -> None:
    bare = ext4.make(tmp_path / "bare.ext4", {"usr/sbin/keepalived": b""})
    wrong = replace(order, image=order.image.model_copy(update={"root": bare}))
    words = r"router ams-router1 has no /usr/sbin/bird \(package bird2\), /usr/sbin/birdc .*extra"
    with pytest.raises(ImageError, match=words):
        router.build(wrong)


@pytest.mark.parametrize(
    ("release", "ending", "command"),
    [("24.10.6", "ipk", "opkg install"), ("25.12.5", "apk", "apk add --no-network")],
)
def test_packages_as_local_files(
    order: Order, tmp_path: Path, release: str, ending: str, command: str
) -> None:
    bare = ext4.make(tmp_path / "bare.ext4", {"usr/sbin/keepalived": b""})
    files = [tmp_path / f"bird2-2.19.2-r1.{ending}", tmp_path / f"bird2c_2.19.2-r1.{ending}"]
    for file in files:
        file.write_bytes(b"package")
    image = OpenWrtImage(
        release=release, kernel=order.image.kernel, root=bare, extra_packages=tuple(files)
    )
    boot = router.build(replace(order, image=image))
    script = "/etc/uci-defaults/05-underlay-packages"
    text, _ = e2fs.debugfs(boot.root.path, [f"cat {script}"])
    assert command in text
    names = [f"/root/packages/{file.name}" for file in files]
    assert set(e2fs.look(boot.root.path, [script, *names])) == {script, *names}


def test_a_root_that_is_no_ext4(order: Order, tmp_path: Path, home: Path) -> None:
    (tmp_path / "root").write_bytes(b"hsqs" + bytes(5000))
    wrong = replace(order, image=order.image.model_copy(update={"root": tmp_path / "root"}))
    with pytest.raises(ImageError, match="the root for router ams-router1 is no ext4"):
        router.build(wrong)
    assert list((home / "partial").iterdir()) == []


def test_a_full_disk_leaves_nothing(
    order: Order, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(chunks: object, path: Path) -> None:
        if path.name == "root.ext4":
            path.write_bytes(b"half")
            raise OSError(28, "No space left on device")
        write(chunks, path)  # type: ignore[arg-type]

    write = sparse.write
    with monkeypatch.context() as patch:
        patch.setattr(sparse, "write", full)
        with pytest.raises(ImageError, match="no space left for"):
            router.build(order)
    assert list((home / "partial").iterdir()) == []
    router.build(order)


def test_a_larger_root(order: Order) -> None:
    image = order.image.model_copy(update={"root_size_mb": 64})
    boot = router.build(replace(order, image=image))
    assert boot.root.path.stat().st_size == 64 << 20
    assert boot.root.path.stat().st_blocks * 512 < 16 << 20
