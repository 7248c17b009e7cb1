"""Debian packages, unpacked without being installed."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Iterable
from pathlib import Path

_LIMIT_SECONDS = 600


def closure(names: Iterable[str]) -> list[str]:
    """The packages and the libraries that they need.

    Only libraries are followed: a router of the tests runs none of the packages' scripts, so what
    those need is not needed.
    """
    known: list[str] = []
    waiting = list(names)
    while waiting:
        fresh = [name for name in dict.fromkeys(waiting) if name not in known]
        known += fresh
        if not fresh:
            break
        text = _run(
            "apt-cache", "depends", "--no-recommends", "--no-suggests", "--no-conflicts",
            "--no-breaks", "--no-replaces", "--no-enhances", *fresh,
        )  # fmt: skip
        waiting = re.findall(r"^\s+(?:Pre)?Depends: ((?:lib|zlib1g)\S*)$", text, re.MULTILINE)
    return sorted(known)


def versions(names: Iterable[str]) -> list[str]:
    """File names and checksums of what would be downloaded, without where from."""
    text = _run("apt-get", "download", "--print-uris", *names)
    return sorted(" ".join(line.split()[1:]) for line in text.splitlines())


def kernel_package() -> str | None:
    """The package that the newest cloud kernel is in; None where apt knows none, as on Ubuntu.

    Root's lists are fetched if there are none yet, as in a new container.
    """
    if (found := _kernel_package()) is None and os.geteuid() == 0:
        _run("apt-get", "update", "-q")
        found = _kernel_package()
    return found


def _kernel_package() -> str | None:
    done = subprocess.run(
        ("apt-cache", "depends", "linux-image-cloud-amd64"),
        capture_output=True,
        text=True,
        timeout=_LIMIT_SECONDS,
        check=False,
    )
    found = re.search(r"Depends: (linux-image-\S+)", done.stdout)
    return found[1] if found else None


def unpack(names: Iterable[str], folder: Path, into: Path) -> None:
    """Download the packages into a folder and unpack them into another."""
    folder.mkdir(parents=True, exist_ok=True)
    # apt drops its rights for downloads where its user may write; here it may not, which is fine.
    _run("apt-get", "download", "-q", "-o", "APT::Sandbox::User=root", *names, cwd=folder)
    for package in sorted(folder.glob("*.deb")):
        _run("dpkg-deb", "-x", str(package), str(into))


def _run(*arguments: str, cwd: Path | None = None) -> str:
    done = subprocess.run(
        arguments, cwd=cwd, capture_output=True, text=True, timeout=_LIMIT_SECONDS, check=False
    )
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(arguments)}: {done.stderr.strip()}")
    return done.stdout
