"""What a twin's daemons hold in memory."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

from twin.daemons import running_in
from twin.place import STATE_FOLDER


def daemons_mebibytes(stack: str) -> float:
    """The proportional set size of all daemons: pages that several share count once in all."""
    found = 0
    for process in running_in(STATE_FOLDER / stack):
        with suppress(OSError):  # ended meanwhile
            found += _kibibytes(Path(f"/proc/{process}/smaps_rollup").read_text())
    return found / 1024


def pss_mebibytes(process: int) -> float:
    """The proportional set size of one process."""
    return _kibibytes(Path(f"/proc/{process}/smaps_rollup").read_text()) / 1024


def _kibibytes(smaps: str) -> int:
    return next(int(line.split()[1]) for line in smaps.splitlines() if line.startswith("Pss:"))
