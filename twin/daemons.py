"""Starting, finding and ending the daemons of a twin.

A daemon is found by its folder in its environment, never by a number that was written down:
numbers are reused, and a write can be lost. Whoever else looks into the folder is not one.
"""

from __future__ import annotations

import os
import select
import signal
import subprocess
import time
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
    log = folder / f"{_program(command)}.log"
    with namespaces.inside(namespace), log.open("ab") as output:
        started = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            cwd=folder,
            env={**os.environ, **environment, _MARK: str(folder)},
            start_new_session=True,
        )
    # For an instant the kernel shows nothing of a new process.
    while started.poll() is None and started.pid not in running_in(folder):
        time.sleep(0.0005)


def launch(namespace: str, command: Sequence[str], *, folder: Path) -> None:
    """Run a daemon that checks its configuration, and then ends or puts itself in the background.

    Raises `DaemonError` with the daemon's own words if it refuses.
    """
    with namespaces.inside(namespace):
        done = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            cwd=folder,
            env={**os.environ, _MARK: str(folder)},
            text=True,
            start_new_session=True,
            timeout=_LAUNCH_LIMIT_SECONDS,
        )
    if done.returncode != 0:
        raise DaemonError(done.stderr.strip() or f"{command[0]} ended with {done.returncode}")


_LAUNCH_LIMIT_SECONDS = 20


def running_in(folder: Path, program: str | None = None) -> list[int]:
    """The ids of the processes that were started for this folder or one below it."""
    return [process for process, name in _daemons([folder]) if program in (None, name)]


def end_all(folder: Path, program: str | None = None) -> None:
    """End all that was started for this folder, also what it starts while it is being ended."""
    while found := running_in(folder, program):
        stop(found)


def end_all_in(folders: Sequence[Path]) -> None:
    """End all that was started for any of these folders."""
    while found := [process for process, _ in _daemons(folders)]:
        stop(found)


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


def _daemons(folders: Sequence[Path]) -> Iterable[tuple[int, str]]:
    """The ids of the processes for folders or those below them, and their programs' names."""
    marks = {f"{_MARK}={folder}".encode() for folder in folders}
    below = tuple(mark + b"/" for mark in marks)
    for entry in os.scandir("/proc"):
        if entry.name.isdigit():
            with suppress(OSError):
                variables = Path(entry.path, "environ").read_bytes().split(b"\0")
                if any(v in marks or v.startswith(below) for v in variables):
                    words = Path(entry.path, "cmdline").read_bytes().split(b"\0")[:-1]
                    yield int(entry.name), _program([os.fsdecode(word) for word in words])


def _program(command: Sequence[str]) -> str:
    """What a command runs: the name of its program, or of the module that Python runs."""
    match command:
        case [_, "-m", module, *_]:
            return module
        case [program, *_]:
            return Path(program).name
        case _:
            return ""  # it has ended, and nobody has waited for it yet


_MARK = "UNDERLAY_DAEMON_OF"
