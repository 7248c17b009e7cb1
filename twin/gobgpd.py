"""A node's GoBGP as a daemon: where it listens, its start and its end."""

from __future__ import annotations

from pathlib import Path

from twin import daemons
from twin.place import Place

PROGRAM = "gobgpd"

#: A collection of garbage at each fifth of growth keeps 64 agents in half the memory.
_ENVIRONMENT = {"GOGC": "20"}


def api_socket(node: Place) -> Path:
    """Where a node's GoBGP listens for requests."""
    return node.folder / "gobgp.sock"


def keep_running(node: Place, *, is_new: bool) -> None:
    """Start it unless it runs. On a new node it cannot."""
    if not is_new and daemons.running_in(node.folder, PROGRAM):
        return
    command = [
        *(PROGRAM, "--api-hosts", f"unix://{api_socket(node)}"),
        *("--pprof-disable", "--log-plain", "--cpus", "1"),
    ]
    api_socket(node).unlink(missing_ok=True)
    daemons.start(node.namespace, command, folder=node.folder, environment=_ENVIRONMENT)


def end(node: Place) -> None:
    """End it, where it runs."""
    daemons.stop(daemons.running_in(node.folder, PROGRAM))
