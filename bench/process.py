"""Runs a command to its end and says what it took."""

from __future__ import annotations

import resource
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.section import BenchError

_GRACE_SECONDS = 30
_TAIL_LINES = 20


@dataclass(frozen=True, slots=True)
class Taken:
    """What a command took: seconds by the clock, and CPU seconds of it and its children."""

    wall: float
    cpu: float


def run(
    command: Sequence[str],
    *,
    folder: Path,
    environment: Mapping[str, str],
    log: Path,
    limit_seconds: float,
) -> Taken:
    """Run the command. Raises `BenchError` with its last words if it fails or takes too long.

    It is in a session of its own, so that an interrupt from the keyboard reaches it once: by us.
    """
    with log.open("w") as output:
        before, began = _children_cpu(), time.perf_counter()
        process = subprocess.Popen(
            command,
            cwd=folder,
            env=dict(environment),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
        try:
            status = process.wait(limit_seconds)
        except subprocess.TimeoutExpired:
            raise BenchError(
                f"`{' '.join(command)}` has not ended after {limit_seconds:.0f} s:\n{_tail(log)}"
            ) from None
        finally:
            _end(process)
        taken = Taken(time.perf_counter() - began, _children_cpu() - before)
    if status != 0:
        raise BenchError(f"`{' '.join(command)}` ended with {status}:\n{_tail(log)}")
    return taken


def _end(process: subprocess.Popen[bytes]) -> None:
    """An interrupted engine stops what it does and writes its state."""
    if process.poll() is not None:
        return
    process.send_signal(signal.SIGINT)
    try:
        process.wait(_GRACE_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _children_cpu() -> float:
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def _tail(log: Path) -> str:
    return "\n".join(log.read_text(errors="replace").splitlines()[-_TAIL_LINES:])
