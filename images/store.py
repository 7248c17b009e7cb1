"""Files by their content: fetched, unpacked or adopted once, and found again without work."""

from __future__ import annotations

import gzip
import json
import shutil
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from images import cache, digests, sparse
from images.download import Remote, download
from images.errors import ImageError, of_disk
from images.lock import locked

_GZIP = b"\x1f\x8b"


@dataclass(frozen=True, slots=True)
class Stored:
    """A file in the cache. Its name begins with its SHA-256."""

    path: Path
    sha256: str


def fetch(remote: Remote) -> Stored:
    """The remote file, downloaded unless it is there already."""
    key = digests.of_value(["fetch", remote.url, remote.sha256])

    def make() -> Stored:
        partial = cache.folder("partial") / key
        sha256 = download(remote, partial)
        return keep(partial, remote.name, sha256)

    return once(key, remote.what, make)


def unpack(stored: Stored, what: str) -> Stored:
    """The file itself, or what is in it if it is a gzip."""
    with stored.path.open("rb") as file:
        if file.read(2) != _GZIP:
            return stored
    key = digests.of_value(["unpack", stored.sha256])

    def make() -> Stored:
        draft = cache.folder("partial") / key
        draft.unlink(missing_ok=True)
        try:
            with gzip.open(stored.path) as packed:
                sparse.write(sparse.chunks(packed), draft)
        except (gzip.BadGzipFile, EOFError, zlib.error) as error:
            draft.unlink(missing_ok=True)
            raise ImageError(
                f"{what} is a damaged gzip ({error}): download it again, or unpack it by hand"
            ) from error
        except OSError as error:
            draft.unlink(missing_ok=True)
            raise of_disk(error, draft) from error
        name = stored.path.name.split("-", 1)[1].removesuffix(".gz")
        return keep(draft, name, digests.of_file(draft))

    return once(key, what, make)


def adopt(path: Path, sha256: str | None, what: str) -> Stored:
    """A copy of a local file under its content's name, so that a later edit shows as a change."""
    key = digests.of_value(["adopt", path.name, pinned(path, sha256, what)])

    def make() -> Stored:
        draft = cache.folder("partial") / key
        draft.unlink(missing_ok=True)
        try:
            with path.open("rb") as file:
                sparse.write(sparse.chunks(file), draft)
        except OSError as error:
            draft.unlink(missing_ok=True)
            raise of_disk(error, draft) from error
        return keep(draft, path.name, digests.of_file(draft))

    return once(key, what, make)


def pinned(path: Path, sha256: str | None, what: str) -> str:
    """The SHA-256 of a local file, which must be the pin's if there is one."""
    found = of_local(path, what)
    if sha256 not in (None, found):
        raise ImageError(
            f"{what} {path} has SHA-256 {found}, but its pin says {sha256}: correct the pin, or "
            "put the right file there"
        )
    return found


def of_local(path: Path, what: str) -> str:
    """The SHA-256 of a local file, or one sentence about what is wrong with it."""
    try:
        if path.is_dir():
            raise ImageError(f"{what} {path} is a folder: name the file in it")
        return digests.of_file(path)
    except FileNotFoundError:
        raise ImageError(
            f"{what} {path} does not exist: put it there, or leave the setting out to have it "
            "downloaded"
        ) from None
    except OSError as error:
        raise of_disk(error, path) from error


def once(key: str, what: str, make: Callable[[], Stored]) -> Stored:
    """What is remembered under the key, or what `make` makes, by one run at a time."""
    try:
        with locked(key, what):
            stored = _recall(key)
            if stored is None:
                stored = make()
                _remember(key, stored)
            return stored
    except OSError as error:
        raise of_disk(error, cache.root()) from error


def is_intact(path: Path, sha256: str) -> bool:
    """Whether the file is there and still what it was."""
    try:
        return digests.of_file(path) == sha256
    except OSError:
        return False


def keep(draft: Path, name: str, sha256: str) -> Stored:
    """Give a finished file its name."""
    path = cache.folder("files") / f"{sha256}-{name}"
    draft.replace(path)
    return Stored(path, sha256)


def _recall(key: str) -> Stored | None:
    try:
        note = json.loads((cache.folder("index") / f"{key}.json").read_text())
        stored = Stored(cache.folder("files") / note["file"], note["sha256"])
    except (FileNotFoundError, ValueError, KeyError, TypeError):
        return None  # never made, or its note is damaged: the file's checksum decides anyway
    return stored if is_intact(stored.path, stored.sha256) else None


def _remember(key: str, stored: Stored) -> None:
    path = cache.folder("index") / f"{key}.json"
    draft = path.with_suffix(".new")
    draft.write_text(json.dumps({"file": stored.path.name, "sha256": stored.sha256}) + "\n")
    draft.replace(path)


def remove(path: Path) -> None:
    """Remove a file or folder that may already be gone."""
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)
