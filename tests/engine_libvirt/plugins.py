"""The plugins of a stack on libvirt: the real one where it can be had, stand-ins for the others."""

from __future__ import annotations

import sys
from pathlib import Path

from tests.engine_libvirt.standin import VERSIONS
from tools import plugins


def put(folder: Path, *, has_libvirt: bool) -> None:
    """Put them into the folder, which is to go on PATH. `has_libvirt`: with libvirt's real one."""
    for package in VERSIONS:
        plugin = folder / f"pulumi-resource-{package}"
        if plugin.exists():
            continue
        if package == "libvirt" and has_libvirt:
            plugin.symlink_to(plugins.libvirt())
            continue
        command = f"exec {sys.executable} -m {__package__}.standin {package}"
        plugin.write_text(f"#!/bin/sh\n{command}\n")
        plugin.chmod(0o755)
