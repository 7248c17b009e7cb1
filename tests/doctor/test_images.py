"""Images as they are on the disk, and servers that answer or do not."""

from hashlib import sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest

from config.libvirt import Libvirt
from doctor.checks import images
from doctor.finding import Finding


def texts(findings: tuple[Finding, ...]) -> list[str]:
    return [finding.text for finding in findings]


def test_every_local_file_is_looked_at_and_compared_with_its_pin(tmp_path: Path) -> None:
    good, other = tmp_path / "kernel", tmp_path / "initramfs"
    good.write_text("kernel")
    other.write_text("another")
    pin = sha256(b"kernel").hexdigest()
    libvirt = Libvirt.model_validate(
        {
            "openwrt": {"kernel": good, "kernel_sha256": pin, "root": tmp_path / "gone"},
            "talos_image": {"kernel": tmp_path, "initramfs": other, "initramfs_sha256": pin},
        }
    )
    root, kernel, initramfs = texts(images.check_files(libvirt).findings)
    assert root.startswith(f"the router's root {tmp_path}/gone does not exist: put it there")
    assert kernel == f"the nodes' kernel {tmp_path} is a folder: name the file in it"
    assert f"the nodes' initramfs {other} has SHA-256 " in initramfs
    assert f"its pin says {pin}" in initramfs


def test_only_what_is_not_local_is_asked_for() -> None:
    everything = images.servers(Libvirt())
    assert sorted(everything.values()) == [
        "Cilium's chart",
        "OpenWrt's kernel",
        "OpenWrt's root",
        "Talos",
    ]
    local = {
        "openwrt": {"kernel": "k", "root": "r"},
        "talos_image": {"boot": "iso", "iso": "i"},
        "cilium": {"chart": "c.tgz"},
    }
    assert images.servers(Libvirt.model_validate(local)) == {}
    routers_alone = images.servers(Libvirt.model_validate({"cluster": False}))
    assert sorted(routers_alone.values()) == ["OpenWrt's kernel", "OpenWrt's root"]


class _Refusing(BaseHTTPRequestHandler):
    def do_HEAD(self) -> None:
        self.send_response(403)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def server() -> "ThreadingHTTPServer":
    return ThreadingHTTPServer(("127.0.0.1", 0), _Refusing)


def test_a_server_that_answers_anything_can_be_reached_and_others_are_a_warning(
    server: ThreadingHTTPServer,
) -> None:
    thread = Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    here = f"http://127.0.0.1:{server.server_port}"
    libvirt = Libvirt.model_validate(
        {
            "cluster": False,
            "openwrt": {"downloads": here, "build_service": "http://127.0.0.1:1"},
        }
    )
    try:
        (finding,) = images.check_servers(libvirt).findings
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
    assert finding.text.startswith("127.0.0.1:1 cannot be reached")
    assert finding.text.endswith("(OpenWrt's root is got there unless it was before)")
    assert not finding.stops


def test_a_cache_without_room_is_told_where_else_to_be(tmp_path: Path) -> None:
    assert list(images.room(tmp_path, 480, 480)) == []
    (finding,) = images.room(tmp_path, 479, 480)
    assert finding.text.startswith(f"{tmp_path} has room for 479 MiB, and images take 480: ")


def test_a_cache_that_does_not_exist_yet_is_looked_at_where_it_will_be(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "not" / "yet"))
    assert images.check_cache(0).findings == ()
    assert not (tmp_path / "not").exists()
