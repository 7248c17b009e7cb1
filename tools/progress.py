"""Lines that say what is going on and for how long."""

import sys
import time
from collections.abc import Callable
from typing import TextIO


class Progress:
    """Writes one line per step, each with the seconds since the start."""

    def __init__(
        self, out: TextIO | None = None, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._out = out or sys.stderr
        self._clock = clock
        self._start = clock()

    def say(self, text: str) -> None:
        """Print one line at once, even into a pipe."""
        print(f"[{self._clock() - self._start:3.0f} s] {text}", file=self._out, flush=True)
