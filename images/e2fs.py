"""The programs of e2fsprogs, which work on an image without root and without mounting it."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from images.errors import ImageError

LIMIT_SECONDS = 300.0
PROGRAMS = ("debugfs", "e2fsck", "resize2fs")

_SUPERBLOCK_MAGIC = (1080, b"\x53\xef")  # offset 56 of the superblock, which starts at 1024
_OTHER_KINDS = (
    (0, b"\x1f\x8b", "a gzip inside a gzip: unpack it"),
    (0, b"hsqs", "a squashfs: take the file that ends with ext4-rootfs.img.gz"),
    (0, b"\xfd7zXZ", "an xz: unpack it"),
    (0, b"QFI\xfb", "a qcow2: convert it with `qemu-img convert -O raw`"),
    (510, b"\x55\xaa", "a whole disk: take the file that ends with ext4-rootfs.img.gz"),
)
_INODE = re.compile(
    r"^Inode: \d+\s+Type: (?P<kind>[a-z ]+?)\s+Mode:\s+(?P<mode>[0-7]+)"
    r".*?^User:\s+(?P<user>\d+)\s+Group:\s+(?P<group>\d+)",
    re.MULTILINE | re.DOTALL,
)
_TARGET = re.compile(r'^Fast link dest: "(?P<target>.*)"$', re.MULTILINE)
_EXPECTED = ("debugfs 1.", "File not found by ext2_lookup", "Ext2 inode is not a directory")


@dataclass(frozen=True, slots=True)
class Entry:
    """What a path in the image is."""

    kind: str  # regular, directory, symlink, …
    mode: int
    user: int
    group: int
    target: str | None = None


def require_programs() -> None:
    """Say in one message which programs are missing."""
    if missing := [name for name in PROGRAMS if _which(name) is None]:
        raise ImageError(
            f"missing on this machine: {', '.join(missing)}. They write files into the routers' "
            "images; install the package e2fsprogs"
        )


def require_ext4(image: Path, what: str) -> None:
    """Look at the first bytes: an image of another kind gets a sentence of its own."""
    with image.open("rb") as file:
        head = file.read(2048)
    offset, magic = _SUPERBLOCK_MAGIC
    if head[offset : offset + 2] == magic:
        return
    for place, mark, kind in _OTHER_KINDS:
        if head[place : place + len(mark)] == mark:
            raise ImageError(f"{what} is no ext4 file system but {kind}")
    raise ImageError(
        f"{what} is no ext4 file system: take the file that ends with ext4-rootfs.img.gz"
    )


def look(image: Path, paths: Sequence[str]) -> dict[str, Entry]:
    """What stands at these paths. A path that is not in the image is not in the answer."""
    printed, complaints = debugfs(image, [f"stat {quoted(path)}" for path in paths])
    if strange := [line for line in complaints if not any(word in line for word in _EXPECTED)]:
        raise ImageError(f"debugfs cannot read {image}: {' '.join(strange)}")
    sections = re.split(r"^debugfs: stat .*\n", printed, flags=re.MULTILINE)[1:]
    if len(sections) != len(paths):
        raise ImageError(f"debugfs answered {len(sections)} of {len(paths)} questions on {image}")
    entries = ((path, _entry(text)) for path, text in zip(paths, sections, strict=True))
    return {path: entry for path, entry in entries if entry is not None}


def debugfs(
    image: Path, commands: Iterable[str], *, writing: bool = False
) -> tuple[str, list[str]]:
    """Run commands; what it printed, and its complaints. Its exit code is 0 whatever happens."""
    script = "".join(f"{command}\n" for command in commands)
    arguments = ["debugfs", *(["-w"] if writing else []), "-f", "/dev/stdin", str(image)]
    done = _run(arguments, script)
    return done.stdout, [line for line in done.stderr.splitlines() if line.strip()]


def check(image: Path) -> str:
    """What is wrong with the file system, or nothing."""
    done = _run(["e2fsck", "-f", "-n", str(image)])
    if done.returncode == 0:
        return ""
    lines = f"{done.stdout}\n{done.stderr}".splitlines()
    found = [line for line in lines if line and not line.startswith(("Pass ", "e2fsck 1.", "/"))]
    return " ".join(" ".join(found).split()) or "e2fsck says no more than that"


def grow(image: Path, size: int) -> None:
    """Make the image larger, and its file system with it. It never shrinks."""
    if image.stat().st_size >= size:
        return
    with image.open("r+b") as file:
        file.truncate(size)
    repaired = _run(["e2fsck", "-f", "-p", str(image)])  # resize2fs insists on it
    resized = _run(["resize2fs", str(image)]) if repaired.returncode in (0, 1) else repaired
    if resized.returncode != 0:
        words = " ".join(f"{resized.stdout} {resized.stderr}".split())
        raise ImageError(
            f"{image} cannot be grown to {size >> 20} MB ({words}): leave `root_size_mb` out, or "
            "use another image"
        )


def quoted(word: str) -> str:
    """As libss reads it: in double quotes, with those inside doubled."""
    return '"' + word.replace('"', '""') + '"'


def _entry(text: str) -> Entry | None:
    found = _INODE.search(text)
    if found is None:
        return None
    target = _TARGET.search(text)
    return Entry(
        kind=found["kind"],
        mode=int(found["mode"], 8),
        user=int(found["user"]),
        group=int(found["group"]),
        target=target["target"] if target else None,
    )


def _which(name: str) -> str | None:
    # Debian keeps them in sbin, which is not on everybody's PATH.
    return shutil.which(name, path=f"{os.environ.get('PATH', os.defpath)}:/usr/sbin:/sbin")


def _run(arguments: list[str], script: str = "") -> subprocess.CompletedProcess[str]:
    program = _which(arguments[0])
    if program is None:
        require_programs()
        raise ImageError(f"{arguments[0]} has gone: install the package e2fsprogs")
    try:
        return subprocess.run(
            [program, *arguments[1:]],
            input=script,
            capture_output=True,
            encoding="utf-8",
            errors="surrogateescape",
            timeout=LIMIT_SECONDS,
            env={**os.environ, "LC_ALL": "C", "DEBUGFS_PAGER": "__none__"},
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise ImageError(
            f"{arguments[0]} on {arguments[-1]} took more than {LIMIT_SECONDS:.0f} s: see whether "
            "the disk is busy or broken, and run this again"
        ) from None
