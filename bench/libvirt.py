"""A stack of emulated routers on a libvirt of its own, with what tests boot there."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bench.process import Taken, run
from bench.section import BenchError
from tests.real_libvirt import daemon
from tests.real_libvirt.lab import Lab
from tests.router_image import build

_LIMIT_SECONDS = 600.0


@contextmanager
def standing() -> Iterator[Lab]:
    """A stack that is not up yet. Raises `BenchError` where there can be no libvirt."""
    if lacks := [*daemon.lacks(), *build.lacks()]:
        raise BenchError(f"no libvirt can be had here: {', '.join(lacks)}")
    with tempfile.TemporaryDirectory(prefix="underlay-bench-") as root:
        folder = Path(root)
        (folder / "stack").mkdir()
        with (
            daemon.running(folder) as machines,
            Lab.opened(folder / "stack", machines, build.build()) as opened,
        ):
            yield opened


def pulumi(lab: Lab, *arguments: str) -> Taken:
    """A `pulumi` command on the stack."""
    return timed(lab, lab.stack.command(*arguments))


def inside(lab: Lab, script: str) -> Taken:
    """A shell script on the host that has the libvirt."""
    return timed(lab, lab.machines.inside("sh", "-c", script))


def timed(lab: Lab, command: list[str]) -> Taken:
    """Any command with the stack's environment."""
    return run(
        command,
        folder=lab.stack.folder,
        environment=lab.stack.environment,
        log=lab.stack.folder / "bench.log",
        limit_seconds=_LIMIT_SECONDS,
    )
