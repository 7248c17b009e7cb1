"""Writes files into an ext4 image, reads every one back, and checks the file system.

debugfs needs no root and no loop device, and it exits with 0 whatever happens: what counts is
what can be read from the image afterwards.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from images import e2fs
from images.errors import ImageError

#: ext4 keeps a target this long inside the inode, where `stat` shows it.
LONGEST_TARGET = 59
_LONGEST_NAME = 255

DIRECTORY_MODE = 0o755
FILE_MODE = 0o644


@dataclass(frozen=True, slots=True)
class Content:
    """Files by absolute path, with modes where they are not 0644, and symbolic links."""

    files: Mapping[str, bytes] = field(repr=False)
    modes: Mapping[str, int] = field(default_factory=dict)
    links: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for path in (*self.files, *self.links):
            _require_plain(path)
        for path, target in self.links.items():
            if not 0 < len(target.encode()) <= LONGEST_TARGET or "\n" in target or "\0" in target:
                raise ImageError(
                    f"the link {path} has a target that will not do: use 1 to {LONGEST_TARGET} "
                    "characters"
                )
        for path, mode in self.modes.items():
            if path not in self.files:
                raise ImageError(f"a mode is given for {path}, which is not among the files")
            if not 0 <= mode <= 0o7777:
                raise ImageError(f"{path} has mode {mode:o}: use 0 to 7777")
        if both := sorted(set(self.files) & set(self.links)):
            raise ImageError(f"{', '.join(both)} cannot be a file and a link: give one of them")

    def mode(self, path: str) -> int:
        """The mode of a file."""
        return self.modes.get(path, FILE_MODE)

    @property
    def folders(self) -> list[str]:
        """Every folder above a file or link, outermost first."""
        paths = (PurePosixPath(path) for path in (*self.files, *self.links))
        above = {str(parent) for path in paths for parent in path.parents} - {"/"}
        return sorted(above, key=lambda folder: (folder.count("/"), folder))


def inject(image: Path, content: Content, drafts: Path) -> None:
    """Write the content into the image. `drafts` is a folder for its files meanwhile.

    Raises `ImageError`, or `OSError` where the disk is full.
    """
    commands = [
        *_make_folders(image, content),
        *_write_files(image, content, drafts),
        *(f"symlink {e2fs.quoted(path)} {e2fs.quoted(to)}" for path, to in content.links.items()),
    ]
    _, complaints = e2fs.debugfs(image, commands, writing=True)
    said = " ".join(line for line in complaints if not line.startswith("debugfs 1."))
    if wrong := differences(image, content, drafts):
        if os.strerror(errno.ENOSPC) in said:  # of the disk that the image lies on
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        if "Could not allocate" in said:  # in the image's own file system
            raise ImageError(
                f"the files do not fit into the image ({said}): set a larger `root_size_mb`"
            )
        raise ImageError(
            f"the image does not hold what was written: {'; '.join(wrong)} (debugfs said: "
            f"{said or 'nothing'}): use another image, whose file system e2fsck finds clean"
        )
    if damage := e2fs.check(image):
        raise ImageError(
            f"the image's file system is damaged: {damage}: use another image, or repair it with "
            "`e2fsck -f`"
        )


def differences(image: Path, content: Content, drafts: Path) -> list[str]:
    """What in the image is not as the content says, each in a few words."""
    copies = {path: drafts / f"read-{number}" for number, path in enumerate(content.files)}
    dumps = [f"dump {e2fs.quoted(path)} {e2fs.quoted(str(copy))}" for path, copy in copies.items()]
    e2fs.debugfs(image, dumps)
    entries = e2fs.look(image, [*content.files, *content.links])
    wrong = []
    for path, data in content.files.items():
        entry = entries.get(path)
        if entry is None or not copies[path].exists():
            wrong.append(f"{path} is missing")
            continue
        if copies[path].read_bytes() != data:
            wrong.append(f"{path} has other content")
        if (entry.kind, entry.mode, entry.user, entry.group) != (
            "regular",
            content.mode(path),
            0,
            0,
        ):
            wrong.append(f"{path} is a {entry.kind} of mode {entry.mode:o}")
        copies[path].unlink()
    for path, target in content.links.items():
        entry = entries.get(path)
        if entry is None or entry.target != target:
            wrong.append(f"{path} does not lead to {target}")
    return wrong


def _make_folders(image: Path, content: Content) -> list[str]:
    folders = content.folders
    entries = e2fs.look(image, folders)
    commands = []
    for folder in folders:
        entry = entries.get(folder)
        if entry is None:
            commands += [f"mkdir {e2fs.quoted(folder)}", *_own(folder, 0o040000 | DIRECTORY_MODE)]
        elif entry.kind != "directory":
            raise ImageError(
                f"{folder} is a {entry.kind} in the image, and files are to be written below it: "
                "give the path that it stands for"
            )
    return commands


def _write_files(image: Path, content: Content, drafts: Path) -> list[str]:
    """`write` refuses a path that exists, and takes a name in the current folder only."""
    entries = e2fs.look(image, [*content.files, *content.links])
    if folders := [path for path, entry in entries.items() if entry.kind == "directory"]:
        raise ImageError(f"{', '.join(folders)} is a folder in the image: give a file's path")
    commands = [f"rm {e2fs.quoted(path)}" for path in entries]
    for number, (path, data) in enumerate(content.files.items()):
        draft = drafts / f"write-{number}"
        draft.write_bytes(data)
        folder, _, name = path.rpartition("/")
        commands += [
            f"cd {e2fs.quoted(folder or '/')}",
            f"write {e2fs.quoted(str(draft))} {e2fs.quoted(name)}",
            *_own(path, 0o100000 | content.mode(path)),
        ]
    return [*commands, 'cd "/"']


def _own(path: str, mode: int) -> list[str]:
    """Belonging to root, with these permissions."""
    name = e2fs.quoted(path)
    return [f"sif {name} mode 0{mode:o}", f"sif {name} uid 0", f"sif {name} gid 0"]


def _require_plain(path: str) -> None:
    pure = PurePosixPath(path)
    if not path.startswith("/") or path == "/" or str(pure) != path or ".." in pure.parts:
        raise ImageError(f"{path!r} is no plain absolute path: write one such as /etc/bird.conf")
    if any(character < " " or character == "\x7f" for character in path):
        raise ImageError(f"{path!r} has control characters: use a name without them")
    if any(len(part.encode()) > _LONGEST_NAME for part in pure.parts):
        raise ImageError(f"{path!r} has a part of more than {_LONGEST_NAME} bytes: shorten it")
