"""Ends the plugin's process when the engine that started it is gone.

An engine that is killed cannot end its plugins, and Pulumi's dynamic provider would wait for
orders for ever.
"""

from __future__ import annotations

import os
import select
import threading
from functools import cache
from pathlib import Path

_ENGINE = "pulumi"
_INIT = 1


@cache
def watch_engine() -> None:
    """Start watching, once a process. What it was doing is left half-done, and can be repeated."""
    engine = _engine()
    if engine is not None:
        handle = os.pidfd_open(engine)
        threading.Thread(target=_wait, args=(handle,), name="watchdog", daemon=True).start()


def _wait(engine: int) -> None:
    poll = select.poll()
    poll.register(engine, select.POLLIN)
    poll.poll()
    os._exit(1)


def _engine() -> int | None:
    """The nearest ancestor of the engine's name: a shell script may stand in between."""
    process = os.getppid()
    while process > _INIT:
        lines = Path(f"/proc/{process}/status").read_text().splitlines()
        fields = dict(line.split(":", 1) for line in lines if ":" in line)
        if fields["Name"].strip() == _ENGINE:
            return process
        process = int(fields["PPid"])
    return None
