"""Starting, finding and ending the daemons of a twin.

A daemon is found by its folder on its own command line, never by a number that was written down:
numbers are reused, and a write can be lost.
"""

from __future__ import annotations

import os
import select
import signal
import subprocess
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from twin import namespaces

_GRACE_SECONDS = 5.0


class DaemonError(RuntimeError):
    """A daemon did not start."""


def start(
    namespace: str, command: Sequence[str], *, folder: Path, environment: Mapping[str, str]
) -> None:
    """Start a daemon that stays in the foreground, in the namespace, detached from us."""
    log = folder / f"{Path(command[0]).name}.log"
    with namespaces.inside(namespace), log.open("ab") as output:
        subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            cwd=folder,
            env={**os.environ, **environment},
            start_new_session=True,
        )


def launch(namespace: str, command: Sequence[str], *, folder: Path) -> None:
    """Start a daemon that checks its configuration and then puts itself in the background.

    Raises `DaemonError` with the daemon's own words if it refuses.
    """
    with namespaces.inside(namespace):
        done = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            cwd=folder,
            text=True,
            start_new_session=True,
            timeout=_LAUNCH_LIMIT_SECONDS,
        )
    if done.returncode != 0:
        raise DaemonError(done.stderr.strip() or f"{command[0]} ended with {done.returncode}")


_LAUNCH_LIMIT_SECONDS = 20


def running_in(folder: Path, program: str | None = None) -> list[int]:
    """The ids of the processes that were started for this folder or one below it."""
    mark = str(folder)
    return [
        process
        for process, arguments in _processes()
        if any(_names(argument, mark) for argument in arguments[1:])
        and (program is None or Path(arguments[0]).name == program)
    ]


def stop(processes: Iterable[int]) -> None:
    """End the processes: kindly, then for good after some seconds, and wait until they are gone.

    Handles, not numbers, are signalled (pidfd_open(2)), so that none is mistaken for another.
    """
    handles: list[int] = []
    for process in processes:
        with suppress(ProcessLookupError):
            handles.append(os.pidfd_open(process))
    try:
        for sign in (signal.SIGTERM, signal.SIGKILL):
            for handle in handles:
                with suppress(ProcessLookupError):
                    signal.pidfd_send_signal(handle, sign)
            if _all_ended(handles):
                return
    finally:
        for handle in handles:
            os.close(handle)


def _all_ended(handles: Sequence[int]) -> bool:
    poll = select.poll()
    for handle in handles:
        poll.register(handle, select.POLLIN)
    waiting = set(handles)
    while waiting:
        ended = poll.poll(_GRACE_SECONDS * 1000)
        if not ended:
            return False
        for handle, _ in ended:
            poll.unregister(handle)
            waiting.discard(handle)
    return True


def _names(argument: str, mark: str) -> bool:
    path = argument.removeprefix("unix://")
    return path == mark or path.startswith(f"{mark}/")


def _processes() -> Iterable[tuple[int, list[str]]]:
    for entry in os.scandir("/proc"):
        if entry.name.isdigit():
            with suppress(OSError):
                arguments = Path(entry.path, "cmdline").read_bytes().split(b"\0")
                if arguments[0]:
                    yield int(entry.name), [os.fsdecode(argument) for argument in arguments]
