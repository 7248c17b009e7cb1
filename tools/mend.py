"""Puts a stack's state right after a run that was killed.

A killed engine leaves its lock in a file backend, its language host without anyone to serve, and
operations of which the state does not know how they ended.
"""

import json
import os
import select
import signal
import socket
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from urllib.parse import urlsplit

from tools import ToolError
from tools.progress import Progress
from tools.unfinished import settle

_ENGINE = "pulumi"
_LANGUAGE_HOST = "pulumi-language-python"
_LIMIT_SECONDS = 120
_GRACE_SECONDS = 5


def mend(stack: str, project: Path, *, repeatable: bool, environ: Mapping[str, str]) -> None:
    """Take back the locks of dead engines, and what else they left. Does nothing if there is none.

    `repeatable` says that a creation of this stack may simply be done again, as the twin's may:
    then unfinished ones are struck from the state. Others are settled (`tools.unfinished`).
    """
    if not any(dead_locks(stack, environ)):
        return
    progress = Progress()
    progress.say(f"the last run on stack {stack} was killed; taking back its lock")
    _pulumi(["cancel", "--yes", "--stack", stack], project, environ)
    _end_orphans(project)
    if repeatable:
        progress.say("striking its unfinished operations from the state")
        clear = ["refresh", "--yes", "--skip-preview", "--clear-pending-creates", "--stack", stack]
        _pulumi(clear, project, environ)
    else:
        settle(stack, lambda words: _pulumi(words, project, environ), environ, progress)


def dead_locks(stack: str, environ: Mapping[str, str]) -> Iterator[Path]:
    """The locks of the stack whose engine ran on this machine and is gone.

    A lock names the host and the process (pkg/backend/diy/lock.go). One of another machine, or of
    an engine that lives, is left alone.
    """
    backend = urlsplit(environ.get("PULUMI_BACKEND_URL", ""))
    if backend.scheme != "file":
        return
    folder = Path(backend.path or "/") / ".pulumi" / "locks"
    for lock in folder.glob(f"*/*/{stack}/*.json"):
        with suppress(OSError, ValueError, KeyError):  # gone meanwhile, or half-written
            holder = json.loads(lock.read_text())
            if holder["hostname"] == socket.gethostname() and not _is_engine(int(holder["pid"])):
                yield lock


def _is_engine(process: int) -> bool:
    return _name(process) == _ENGINE


def _end_orphans(project: Path) -> None:
    """End this project's language hosts whose engine is gone: nothing else ever will."""
    numbers = (entry.name for entry in Path("/proc").iterdir() if entry.name.isdigit())
    for process in map(int, numbers):
        with suppress(OSError, StopIteration):
            handle = os.pidfd_open(process)
            try:
                if _is_orphan(process, project):
                    signal.pidfd_send_signal(handle, signal.SIGTERM)
                    select.select([handle], [], [], _GRACE_SECONDS)
            finally:
                os.close(handle)


def _is_orphan(process: int, project: Path) -> bool:
    return (
        Path(f"/proc/{process}/exe").readlink().name == _LANGUAGE_HOST
        and Path(f"/proc/{process}/cwd").readlink() == project
        and _name(_parent(process)) != _ENGINE
    )


def _name(process: int) -> str | None:
    with suppress(OSError):
        return Path(f"/proc/{process}/comm").read_text().strip()
    return None


def _parent(process: int) -> int:
    lines = Path(f"/proc/{process}/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith("PPid:")).split()[1])


def _pulumi(arguments: Sequence[str], project: Path, environ: Mapping[str, str]) -> str:
    done = subprocess.run(
        ["pulumi", *arguments],
        cwd=project,
        env=environ,
        capture_output=True,
        text=True,
        timeout=_LIMIT_SECONDS,
        stdin=subprocess.DEVNULL,
    )
    if done.returncode != 0:
        words = (done.stderr or done.stdout).strip()
        raise ToolError(f"`pulumi {' '.join(arguments)}` failed: {words}")
    return done.stdout
