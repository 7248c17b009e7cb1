"""One at a time across processes: a file lock that says whom it waits for."""

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tools import ToolError
from tools.progress import Progress

LIMIT = 3600.0  # longer than anything done under a lock may take
REMINDER = 30.0  # seconds between two lines of waiting


@contextmanager
def locked(path: Path, what: str, progress: Progress, limit: float = LIMIT) -> Iterator[None]:
    """Hold the lock file `path` while `what` is done.

    The kernel drops the lock with its process, so a killed holder never blocks anyone. The file
    itself stays: removing it would let two processes lock two files of one name.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a+") as file:
        _acquire(file.fileno(), path, what, progress, limit)
        file.truncate(0)
        file.write(str(os.getpid()))
        file.flush()
        yield


def _acquire(fd: int, path: Path, what: str, progress: Progress, limit: float) -> None:
    start = time.monotonic()
    reminder = 0.0
    while True:
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        except BlockingIOError:
            waited = time.monotonic() - start
        if waited >= limit:
            raise ToolError(
                f"waited {limit:.0f} s for process {_holder(path)}, which is {what}; "
                "wait for it or stop it, then run this again"
            )
        if waited >= reminder:
            progress.say(f"waiting for process {_holder(path)}, which is {what} …")
            reminder += REMINDER
        time.sleep(0.2)


def _holder(path: Path) -> str:
    return path.read_text(errors="replace").strip() or "?"
