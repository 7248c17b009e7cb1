"""Small real ext4 images, made without root."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

ROUTER = {
    "usr/sbin/bird": b"\x7fELF bird",
    "usr/sbin/birdc": b"\x7fELF birdc",
    "usr/sbin/keepalived": b"\x7fELF keepalived",
    "etc/init.d/bird": b"#!/bin/sh /etc/rc.common\nSTART=70\n",
    "etc/config/network": b"",
}


def make(path: Path, files: Mapping[str, bytes] = ROUTER, size_mb: int = 8) -> Path:
    """An image with these files, and `/var` as a link."""
    tree = path.with_suffix(".tree")
    for name, content in files.items():
        (tree / name).parent.mkdir(parents=True, exist_ok=True)
        (tree / name).write_bytes(content)
    tree.mkdir(exist_ok=True)
    (tree / "var").symlink_to("tmp")
    sbin = f"{os.environ.get('PATH', os.defpath)}:/usr/sbin:/sbin"
    program = shutil.which("mkfs.ext4", path=sbin) or "mkfs.ext4"
    command: list[str | Path] = [
        program,
        "-q",
        "-F",
        "-E",
        "root_owner=0:0",
        "-d",
        tree,
        path,
        f"{size_mb}M",
    ]
    subprocess.run(command, check=True, capture_output=True, timeout=60)
    shutil.rmtree(tree)
    return path
