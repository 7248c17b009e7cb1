"""SHA-256 of files and of descriptions."""

from __future__ import annotations

import hashlib
import json
from functools import lru_cache
from pathlib import Path


def of_file(path: Path) -> str:
    """The SHA-256 of a file, read once per process unless the file changes."""
    status = path.stat()
    return _of_file(path, status.st_ino, status.st_size, status.st_mtime_ns)


@lru_cache(maxsize=256)
def _of_file(path: Path, _inode: int, _size: int, _mtime: int) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def of_value(value: object) -> str:
    """The SHA-256 of something that JSON can say, whatever the order of its keys."""
    text = json.dumps(value, sort_keys=True, ensure_ascii=True)
    return hashlib.sha256(text.encode()).hexdigest()
