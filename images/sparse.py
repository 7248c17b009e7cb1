"""Writing images without their empty parts: a root file system is mostly zeros."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Protocol

CHUNK = 1 << 20
_ZEROS = bytes(CHUNK)


def write(chunks: Iterable[bytes], path: Path) -> None:
    """Write the chunks to a new file, with holes where a chunk is all zeros."""
    with path.open("xb") as file:
        for chunk in chunks:
            if chunk == _ZEROS[: len(chunk)]:
                file.seek(len(chunk), os.SEEK_CUR)
            else:
                file.write(chunk)
        file.truncate()


class Readable(Protocol):
    """What can be read piece by piece."""

    def read(self, size: int, /) -> bytes: ...


def chunks(file: Readable) -> Iterator[bytes]:
    """What is left of a file, piece by piece."""
    while chunk := file.read(CHUNK):
        yield chunk
