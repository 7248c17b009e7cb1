"""Run a long command: output into a log, a sign of life now and then, a limit, one clear error."""

import os
import signal
import subprocess
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from tools import ToolError
from tools.progress import Progress

HEARTBEAT = 30.0  # seconds between two signs of life
GRACE = 10.0  # seconds between asking a command to stop and killing it
TAIL = 12  # lines of output shown when a command fails


@dataclass(frozen=True)
class Command:
    """A command, in words and as arguments, with the most seconds it may take."""

    doing: str
    arguments: tuple[str, ...]
    limit: float
    cwd: Path | None = None
    env: Mapping[str, str] | None = None


def run(command: Command, log: Path, progress: Progress) -> None:
    """Run `command` with its output appended to `log`; raise ToolError unless it succeeds."""
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("ab") as output:
        # A session of its own, so that a compiler's children end with it.
        process = subprocess.Popen(
            command.arguments,
            cwd=command.cwd,
            env=command.env,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            status = _wait(process, command, progress)
        finally:
            _stop(process)
    if status is None:
        raise ToolError(f"{command.doing} took more than {command.limit:.0f} s; output: {log}")
    if status != 0:
        raise ToolError(
            f"{command.doing} failed (exit status {status}). Its last lines:\n{_tail(log)}\n"
            f"The whole output: {log}"
        )


def _wait(process: subprocess.Popen[bytes], command: Command, progress: Progress) -> int | None:
    """The exit status, or None once the limit has passed."""
    deadline = time.monotonic() + command.limit
    while (left := deadline - time.monotonic()) > 0:
        try:
            return process.wait(min(HEARTBEAT, left))
        except subprocess.TimeoutExpired:
            progress.say(f"still {command.doing} …")
    return None


def _stop(process: subprocess.Popen[bytes]) -> None:
    """End a command that still runs, and all that it started."""
    if process.poll() is not None:
        return
    os.killpg(process.pid, signal.SIGTERM)
    try:
        process.wait(GRACE)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _tail(log: Path) -> str:
    lines = log.read_text(errors="replace").rstrip().splitlines()[-TAIL:]
    return "\n".join(f"  {line}" for line in lines)
