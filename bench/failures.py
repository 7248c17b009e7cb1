"""Ways to break a standing twin, and to mend it again without the engine."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable

from bench.section import BenchError
from twin import daemons, record
from twin.machine import run_nft
from twin.place import Place
from twin.providers import NodeProvider, RouterProvider, ThingProvider

_LIMIT_SECONDS = 60.0
_POLL_SECONDS = 0.01

#: The link stays up, and nothing comes through it, either way.
_BLACK_HOLE = """
table ip hole {
  chain in { type filter hook prerouting priority raw; iifname "eth2" drop; }
  chain out { type filter hook postrouting priority raw; oifname "eth2" drop; }
}
"""


def wait_until(condition: Callable[[], bool], what: str) -> None:
    """Wait for it. Raises `BenchError` with what it was after a minute."""
    deadline = time.monotonic() + _LIMIT_SECONDS
    while not condition():
        if time.monotonic() > deadline:
            raise BenchError(f"not within {_LIMIT_SECONDS:.0f} s: {what}")
        time.sleep(_POLL_SECONDS)


def kill(place: Place, program: str) -> None:
    """SIGKILL a machine's daemon."""
    for process in daemons.running_in(place.folder, program):
        os.kill(process, signal.SIGKILL)
    wait_until(
        lambda: not daemons.running_in(place.folder, program), f"{place.machine}'s {program} ends"
    )


def revive(place: Place) -> None:
    """Have the twin start what is not running on the machine, and mend what is not as it was."""
    inputs = record.read(place)
    if inputs is None:
        raise LookupError(f"{place.machine} was never finished")
    provider: ThingProvider = NodeProvider() if "documents" in inputs else RouterProvider()
    provider.thing(inputs).build(str(inputs["owner"]))


def open_black_hole(router: Place) -> None:
    """Let nothing through the router's peering link, which stays up."""
    run_nft(router, ["-f", "-"], _BLACK_HOLE)


def close_black_hole(router: Place) -> None:
    """Let everything through again."""
    run_nft(router, ["delete", "table", "ip", "hole"])
