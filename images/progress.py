"""How far a download is: a bar on a terminal, otherwise a line every few seconds.

Inside Pulumi's plugin for dynamic resources there is no terminal; the engine shows its lines.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

LINE_SECONDS = 3.0

#: Told how many bytes there are by now, and how many there will be, if that is known.
Meter = Callable[[int, int | None], None]


def say(text: str) -> None:
    """Print one line at once, where results do not go."""
    print(text, file=sys.stderr, flush=True)


@contextmanager
def metered(title: str) -> Iterator[Meter]:
    """Show how one file grows."""
    with _bar(title) if sys.stderr.isatty() else _lines(title) as meter:
        yield meter


@contextmanager
def _bar(title: str) -> Iterator[Meter]:
    # Rich takes a while to import, and most runs download nothing.
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        DownloadColumn,
        Progress,
        TextColumn,
        TimeRemainingColumn,
        TransferSpeedColumn,
    )

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        DownloadColumn(),
        TransferSpeedColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task(title, total=None)
        yield lambda done, total: progress.update(task, completed=done, total=total)
    say(f"{title}: done")


@contextmanager
def _lines(title: str) -> Iterator[Meter]:
    said = time.monotonic()
    begun = said

    def meter(done: int, total: int | None) -> None:
        nonlocal said
        now = time.monotonic()
        if now - said >= LINE_SECONDS:
            said = now
            of = f" of {_mb(total)}" if total else ""
            say(f"{title}: {_mb(done)}{of}, {_mb(int(done / (now - begun)))}/s")

    say(f"{title} …")
    yield meter
    say(f"{title}: done after {time.monotonic() - begun:.1f} s")


def _mb(count: int) -> str:
    return f"{count / 1e6:.1f} MB"
