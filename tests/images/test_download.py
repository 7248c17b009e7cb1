import errno
import hashlib
import io
import os
import random
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from images import download, http, lock, progress, store
from images.download import Remote
from images.errors import ImageError
from tests.images.upstream import Upstream

CONTENT = random.Random(4).randbytes(1 << 20)
SUM = hashlib.sha256(CONTENT).hexdigest()


def remote(upstream: Upstream, sha256: str | None = SUM, path: str = "/file.bin") -> Remote:
    return Remote(f"{upstream.url}{path}", "the file", "name a local file", sha256)


@pytest.mark.parametrize("sha256", [SUM, None], ids=["pinned", "unpinned"])
def test_a_file_is_named_by_its_content_and_fetched_once(
    upstream: Upstream, home: Path, sha256: str | None
) -> None:
    upstream.serve("/file.bin", CONTENT)
    first = store.fetch(remote(upstream, sha256))
    second = store.fetch(remote(upstream, sha256))
    assert first == second
    assert first.path == home / "files" / f"{SUM}-file.bin"
    assert first.path.read_bytes() == CONTENT
    assert upstream.asked("/file.bin") == 1
    assert list((home / "partial").iterdir()) == []


@pytest.mark.parametrize("sha256", [SUM, None], ids=["pinned", "unpinned"])
def test_a_broken_transfer_goes_on_where_it_broke(upstream: Upstream, sha256: str | None) -> None:
    upstream.serve("/file.bin", CONTENT)
    upstream.breaks["/file.bin"] = [300_000, 400_000]
    assert store.fetch(remote(upstream, sha256)).path.read_bytes() == CONTENT
    ranges = [request[2] for request in upstream.requests]
    assert ranges == [None, "bytes=300000-", "bytes=700000-"]


def test_without_checksum_and_version_it_starts_anew(upstream: Upstream) -> None:
    upstream.serve("/file.bin", CONTENT)
    upstream.has_etags = False
    upstream.breaks["/file.bin"] = [300_000]
    assert store.fetch(remote(upstream, None)).path.read_bytes() == CONTENT
    assert [request[2] for request in upstream.requests] == [None, None]


def test_the_next_run_goes_on_where_a_run_gave_up(upstream: Upstream) -> None:
    upstream.serve("/file.bin", CONTENT)
    upstream.breaks["/file.bin"] = [100_000] * download.ATTEMPTS
    with pytest.raises(ImageError, match=r"file\.bin broke off .*: name a local file"):
        store.fetch(remote(upstream))
    assert store.fetch(remote(upstream)).path.read_bytes() == CONTENT
    assert upstream.requests[-1][2] == f"bytes={100_000 * download.ATTEMPTS}-"


@pytest.mark.parametrize(
    "half", [b"of another file", CONTENT, CONTENT + b"x"], ids=["other", "whole", "longer"]
)
def test_whatever_lies_there_already_the_result_is_right(
    upstream: Upstream, tmp_path: Path, half: bytes
) -> None:
    upstream.serve("/file.bin", CONTENT)
    partial = tmp_path / "partial"
    partial.write_bytes(half)
    assert download.download(remote(upstream), partial) == SUM
    assert partial.read_bytes() == CONTENT


def test_a_wrong_checksum_names_both_and_leaves_nothing(upstream: Upstream, home: Path) -> None:
    upstream.serve("/file.bin", b"something else")
    with pytest.raises(ImageError, match=f"the file has SHA-256 .* should be {SUM}"):
        store.fetch(remote(upstream))
    assert list((home / "partial").iterdir()) == []
    assert not (home / "files").exists() or not list((home / "files").iterdir())


def test_a_bad_moment_of_the_server_is_waited_out(upstream: Upstream) -> None:
    upstream.serve("/file.bin", CONTENT)
    upstream.statuses["/file.bin"] = [503, 500, 429]
    assert store.fetch(remote(upstream)).sha256 == SUM


def test_a_file_that_is_not_there_is_asked_for_once(upstream: Upstream) -> None:
    with pytest.raises(ImageError, match="answered 404 Not Found: name a local file"):
        store.fetch(remote(upstream))
    assert upstream.asked("/file.bin") == 1


def test_a_server_that_is_not_there_is_named() -> None:
    nobody = Remote("http://127.0.0.1:9/file.bin", "the file", "name a local file", SUM)
    with pytest.raises(ImageError, match=r"127\.0\.0\.1:9 cannot be reached .*name a local file"):
        store.fetch(nobody)


def test_a_server_that_says_nothing_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    import socket

    monkeypatch.setattr(http, "STALL_SECONDS", 0.2)
    monkeypatch.setattr(download, "ATTEMPTS", 1)
    with socket.create_server(("127.0.0.1", 0)) as server:
        silent = f"http://127.0.0.1:{server.getsockname()[1]}/file.bin"
        with pytest.raises(ImageError, match="sent nothing for 0 s"):
            store.fetch(Remote(silent, "the file", "name a local file", SUM))


def test_a_full_disk_leaves_no_half(
    upstream: Upstream, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    upstream.serve("/file.bin", CONTENT)

    def full(transfer: download._Transfer, *_: object) -> None:
        transfer.partial.write_bytes(b"half")
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        patch.setattr(download._Transfer, "_append", full)
        with pytest.raises(ImageError, match=r"no space left for .*: free some, or set XDG_CACHE"):
            store.fetch(remote(upstream))
    assert list((home / "partial").iterdir()) == []
    assert store.fetch(remote(upstream)).sha256 == SUM


def test_many_at_once_fetch_once(upstream: Upstream) -> None:
    upstream.serve("/file.bin", CONTENT)
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda _: store.fetch(remote(upstream)), range(16)))
    assert len(set(found)) == 1
    assert upstream.asked("/file.bin") == 1


def test_a_file_damaged_in_the_cache_is_fetched_again(upstream: Upstream) -> None:
    upstream.serve("/file.bin", CONTENT)
    stored = store.fetch(remote(upstream))
    stored.path.write_bytes(b"rotten")
    assert store.fetch(remote(upstream)).path.read_bytes() == CONTENT
    assert upstream.asked("/file.bin") == 2


def test_who_waits_for_another_run_gives_up_in_the_end(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lock, "REMINDER_SECONDS", 0.1)
    held, done = threading.Event(), threading.Event()

    def hold() -> None:
        with lock.locked("key", "the file"):
            held.set()
            done.wait(10)

    holder = threading.Thread(target=hold)
    holder.start()
    held.wait(10)
    with (
        pytest.raises(ImageError, match="the file is being made by another run"),
        lock.locked("key", "the file", limit_seconds=0.4),
    ):
        pass
    done.set()
    holder.join()
    assert "another run is making it, waiting" in capsys.readouterr().err


def test_progress_is_lines_where_there_is_no_terminal(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(progress, "LINE_SECONDS", 0.0)
    with progress.metered("the file") as meter:
        meter(1_500_000, 3_000_000)
    lines = capsys.readouterr().err.splitlines()
    assert lines[0] == "the file …"
    assert lines[1].startswith("the file: 1.5 MB of 3.0 MB, ")
    assert lines[2].startswith("the file: done after ")


def test_progress_is_a_bar_on_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    monkeypatch.setenv("TERM", "xterm")
    with progress.metered("the file") as meter:
        meter(1_500_000, 3_000_000)
    assert "1.5/3.0 MB" in terminal.getvalue()
    assert terminal.getvalue().endswith("the file: done\n")
