import hashlib
import io
import socket
import tarfile
import threading
import time
from collections.abc import Callable, Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from tools import release
from tools.progress import Progress

PARTS = ("pulumi", "pulumi-language-python")
Publish = Callable[..., None]


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The release page of version 3.1.0, served on this machine."""
    folder = tmp_path / "page"
    (folder / "v3.1.0").mkdir(parents=True)
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(folder)))
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    monkeypatch.setattr(release, "PAGE", f"http://127.0.0.1:{server.server_port}")
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    yield folder / "v3.1.0"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def into(tmp_path: Path) -> Path:
    folder = tmp_path / "work" / "bin"
    folder.mkdir(parents=True)
    return folder


def publish(page: Path, members: tuple[str, ...], checksum: str | None = None) -> None:
    """Put an archive and its checksum onto the page."""
    archive = page / release.archive_name("3.1.0")
    with tarfile.open(archive, "w:gz") as tar:
        for name in members:
            member = tarfile.TarInfo(name)
            member.size = len(name)
            tar.addfile(member, io.BytesIO(name.encode()))
    found = hashlib.sha256(archive.read_bytes()).hexdigest()
    lines = f"{'0' * 64}  pulumi-v3.1.0-windows-x64.zip\n{checksum or found}  {archive.name}\n"
    (page / "pulumi-3.1.0-checksums.txt").write_text(lines)


def test_the_wanted_parts_and_no_others_are_taken_from_a_release(
    page: Path, into: Path, progress: Progress
) -> None:
    publish(page, (*(f"pulumi/{part}" for part in PARTS), "pulumi/pulumi-watch", "../../escape"))
    release.fetch("3.1.0", PARTS, into, progress)
    assert {path.name: path.read_text() for path in into.iterdir()} == {
        part: f"pulumi/{part}" for part in PARTS
    }
    assert all(path.stat().st_mode & 0o111 for path in into.iterdir())
    assert list(into.parent.iterdir()) == [into]


def test_an_archive_that_is_not_what_its_release_says_is_refused(
    page: Path, into: Path, progress: Progress
) -> None:
    publish(page, PARTS, checksum="f" * 64)
    with pytest.raises(release.ReleaseError, match="but its release says ffff"):
        release.fetch("3.1.0", PARTS, into, progress)
    assert list(into.parent.rglob("*")) == [into]


def test_an_archive_without_a_checksum_is_refused(
    page: Path, into: Path, progress: Progress
) -> None:
    publish(page, PARTS)
    (page / "pulumi-3.1.0-checksums.txt").write_text("nothing here\n")
    with pytest.raises(release.ReleaseError, match="0 lines"):
        release.fetch("3.1.0", PARTS, into, progress)


def test_an_archive_that_lacks_a_part_is_refused(
    page: Path, into: Path, progress: Progress
) -> None:
    publish(page, ("pulumi/pulumi",))
    with pytest.raises(release.ReleaseError, match="has no pulumi-language-python"):
        release.fetch("3.1.0", PARTS, into, progress)


def test_an_archive_that_is_none_is_refused(page: Path, into: Path, progress: Progress) -> None:
    archive = page / release.archive_name("3.1.0")
    archive.write_text("please log in")
    found = hashlib.sha256(archive.read_bytes()).hexdigest()
    (page / "pulumi-3.1.0-checksums.txt").write_text(f"{found}  {archive.name}\n")
    with pytest.raises(release.ReleaseError):
        release.fetch("3.1.0", PARTS, into, progress)


def test_a_release_that_is_not_there_is_not_had(page: Path, into: Path, progress: Progress) -> None:
    with pytest.raises(release.ReleaseError, match="404"):
        release.fetch("3.1.0", PARTS, into, progress)


def test_a_network_that_swallows_everything_costs_no_more_than_the_limit(
    into: Path, progress: Progress, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        monkeypatch.setattr(release, "PAGE", f"http://127.0.0.1:{silent.getsockname()[1]}")
        monkeypatch.setattr(release, "PROBE_LIMIT", 0.3)
        monkeypatch.setenv("no_proxy", "127.0.0.1")
        start = time.monotonic()
        with pytest.raises(release.ReleaseError):
            release.fetch("3.1.0", PARTS, into, progress)
        assert time.monotonic() - start < 5


def test_an_unknown_machine_has_no_release(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("platform.machine", lambda: "riscv64")
    with pytest.raises(release.ReleaseError, match="riscv64"):
        release.archive_name("3.1.0")
