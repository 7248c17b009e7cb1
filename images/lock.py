"""One at a time, across processes and threads: a file lock that says what it waits for."""

from __future__ import annotations

import fcntl
import time
from collections.abc import Iterator
from contextlib import contextmanager

from images import cache
from images.errors import ImageError
from images.progress import say

LIMIT_SECONDS = 3600.0  # longer than a download and a build may take together
REMINDER_SECONDS = 15.0


@contextmanager
def locked(key: str, what: str, limit_seconds: float = LIMIT_SECONDS) -> Iterator[None]:
    """Hold the lock named `key` while `what` is made.

    The kernel drops it with its holder, so a killed run blocks nobody. The file stays: with it
    gone, two processes could lock two files of one name.
    """
    path = cache.folder("locks") / f"{key}.lock"
    with path.open("a") as file:
        start = reminded = time.monotonic()
        while True:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                now = time.monotonic()
            if now - start >= limit_seconds:
                raise ImageError(
                    f"{what} is being made by another run for {limit_seconds:.0f} s: wait for it "
                    "or stop it, then run this again"
                )
            if now - reminded >= REMINDER_SECONDS:
                reminded = now
                say(f"{what}: another run is making it, waiting …")
            time.sleep(0.05)
        yield
