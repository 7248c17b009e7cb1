"""A change as one archive: the files, and the lists that the router's script goes by."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Mapping
from dataclasses import dataclass

from day1.services import readers

_PUBLIC, _SECRET = 0o644, 0o600

#: More than a router's files can be; less than could harm us.
_MOST_BYTES = 16 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Change:
    """What a router is to do: every managed file, and which of them are new, other or gone.

    All are sent, not only the changed: a file is checked together with those that it includes.
    """

    files: Mapping[str, str]
    secret_files: Mapping[str, str]
    install: tuple[str, ...]
    remove: tuple[str, ...]

    @property
    def paths(self) -> tuple[str, ...]:
        """The files that the change touches."""
        return (*self.install, *self.remove)

    def archive(self, limit_seconds: int) -> bytes:
        """The change for the router's script, to be taken back after so many seconds."""
        lists = {
            "install": _lines(self.install),
            "remove": _lines(self.remove),
            "services": _lines(readers(self.paths)),
            "limit": f"{limit_seconds}\n",
        }
        buffer = io.BytesIO()
        with tarfile.open(fileobj=buffer, mode="w", format=tarfile.USTAR_FORMAT) as archive:
            for name, text in lists.items():
                _add(archive, name, text, _PUBLIC)
            for path, text in self.files.items():
                _add(archive, f"files{path}", text, _PUBLIC)
            for path, text in self.secret_files.items():
                _add(archive, f"files{path}", text, _SECRET)
        return buffer.getvalue()


def difference(
    files: Mapping[str, str],
    secret_files: Mapping[str, str],
    present: Mapping[str, str],
) -> Change | None:
    """What has to change where these files are present; None where nothing has."""
    wanted = {**files, **secret_files}
    install = tuple(sorted(path for path, text in wanted.items() if present.get(path) != text))
    remove = tuple(sorted(present.keys() - wanted.keys()))
    return Change(files, secret_files, install, remove) if install or remove else None


def unpack(archive: bytes) -> dict[str, str]:
    """The texts of an archive that a router sent, by absolute path."""
    if not archive:
        return {}
    with tarfile.open(fileobj=io.BytesIO(archive[:_MOST_BYTES]), mode="r:") as found:
        return {
            f"/{member.name}": content.read().decode(errors="replace")
            for member in found
            if (content := found.extractfile(member)) is not None
        }


def _lines(words: tuple[str, ...]) -> str:
    return "".join(f"{word}\n" for word in words)


def _add(archive: tarfile.TarFile, name: str, text: str, mode: int) -> None:
    content = text.encode()
    member = tarfile.TarInfo(name)
    member.size, member.mode = len(content), mode
    archive.addfile(member, io.BytesIO(content))
