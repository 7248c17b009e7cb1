"""One download: into a partial file, resumed where that is safe, checked before it counts."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from images import digests, http
from images.errors import ImageError, of_disk
from images.progress import Meter, metered, say

ATTEMPTS = 4
PAUSE_SECONDS = 1.0  # before the second attempt; doubled before each later one
LIMIT_SECONDS = 3600.0


@dataclass(frozen=True, slots=True)
class Remote:
    """A file elsewhere: `what` it is, and the `remedy` if it cannot be had."""

    url: str
    what: str
    remedy: str
    sha256: str | None = None

    @property
    def name(self) -> str:
        """The file's own name."""
        return self.url.rsplit("/", 1)[-1]


def download(remote: Remote, partial: Path) -> str:
    """Put the remote file into `partial` and return its SHA-256.

    What an earlier run left there is resumed only if there is a checksum to tell whether the
    halves fit. It is removed when the disk is full, or when nobody could go on from it.
    """
    if remote.sha256 is None:
        partial.unlink(missing_ok=True)
    try:
        found = _checked(remote, partial)
    except OSError as error:
        with suppress(OSError):
            partial.unlink(missing_ok=True)
        raise of_disk(error, partial) from error
    except ImageError:
        if remote.sha256 is None:
            partial.unlink(missing_ok=True)
        raise
    return found


def _checked(remote: Remote, partial: Path) -> str:
    is_resumed = partial.exists()
    _Transfer(remote, partial).run()
    found = digests.of_file(partial)
    if is_resumed and found != remote.sha256:
        partial.unlink()  # the half from before was of another file, or damaged
        return _checked(remote, partial)
    if remote.sha256 not in (None, found):
        partial.unlink()
        raise ImageError(
            f"{remote.what} has SHA-256 {found}, but it should be {remote.sha256} ({remote.url}): "
            "correct the pin if it is of another file; otherwise do not use what was sent"
        )
    return found


class _Transfer:
    """Attempts at one file, each going on where the one before broke off."""

    def __init__(self, remote: Remote, partial: Path) -> None:
        self.remote = remote
        self.partial = partial
        self.until = time.monotonic() + LIMIT_SECONDS
        #: What the server calls this version of the file, if it does.
        self.version: str | None = None

    def run(self) -> None:
        """Fetch until the file is whole. Raises `ImageError` after the last attempt."""
        with metered(self.remote.what) as meter:
            for attempt in range(ATTEMPTS - 1):
                try:
                    return self.attempt(meter)
                except http.TransferError as error:
                    say(f"{error}. Trying again …")
                    time.sleep(PAUSE_SECONDS * 2**attempt)
            return self.attempt(meter)

    def attempt(self, meter: Meter) -> None:
        """Fetch what is missing."""
        start = self._start()
        headers = {"Range": f"bytes={start}-"} if start else {}
        if start and self.version:
            headers["If-Range"] = self.version
        with http.answer(self.remote.url, self.remote.remedy, headers) as response:
            if response.status_code == 416:
                if response.headers.get("Content-Range") == f"bytes */{start}":
                    return  # it was whole, and only its check was missing
                self.partial.unlink(missing_ok=True)
                raise http.TransferError(f"{self.remote.url} has become shorter")
            if response.status_code == 200:
                start = 0
            self.version = _strong(response.headers.get("ETag"))
            length = response.headers.get("Content-Length")
            total = start + int(length) if length else None
            self._append(response.iter_raw(), start, total, meter)

    def _start(self) -> int:
        """How much there is to go on from."""
        if self.remote.sha256 is None and self.version is None:
            return 0
        return self.partial.stat().st_size if self.partial.exists() else 0

    def _append(self, pieces: Iterator[bytes], start: int, total: int | None, meter: Meter) -> None:
        with self.partial.open("r+b" if start else "wb") as file:
            file.seek(start)
            file.truncate()
            for piece in pieces:
                file.write(piece)
                meter(file.tell(), total)
                if time.monotonic() > self.until:
                    raise ImageError(
                        f"{self.remote.what} took more than {LIMIT_SECONDS / 60:.0f} minutes: "
                        f"{self.remote.remedy}"
                    )


def _strong(etag: str | None) -> str | None:
    """Only a strong validator promises the same bytes (RFC 9110, section 8.8.1)."""
    return None if etag is None or etag.startswith("W/") else etag
