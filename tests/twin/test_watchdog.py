"""A plugin whose engine is gone ends; one that nobody watches goes on."""

import os
import select
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

PLUGIN = """
import os, time
from twin.watchdog import watch_engine
watch_engine()
watch_engine()
print(os.getpid(), flush=True)
time.sleep(60)
"""


@contextmanager
def engine(program: Path, *wrapper: str) -> Iterator[tuple[subprocess.Popen[str], int]]:
    """A program that starts the plugin and waits for it, and the plugin's process."""
    script = " ".join([*wrapper, '"$0" -c "$1"', "& wait"])
    started = subprocess.Popen(
        [program, "-c", script, sys.executable, PLUGIN],
        stdout=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parents[2],
        start_new_session=True,
    )
    try:
        assert started.stdout
        yield started, int(started.stdout.readline())
    finally:
        with suppress(ProcessLookupError):
            os.killpg(started.pid, signal.SIGKILL)
        started.communicate()


def ends(process: int, within_seconds: float) -> bool:
    """Whether the process ends in that time."""
    try:
        handle = os.pidfd_open(process)
    except ProcessLookupError:
        return True
    try:
        return bool(select.select([handle], [], [], within_seconds)[0])
    finally:
        os.close(handle)


@pytest.fixture
def pulumi(tmp_path: Path) -> Path:
    """A shell of the engine's name."""
    program = tmp_path / "pulumi"
    program.symlink_to("/bin/sh")
    return program


@pytest.mark.parametrize("wrapper", [[], ["sh", "-c", '\'"$0" "$@"; exit $?\'']])
def test_the_plugin_ends_when_its_engine_is_killed(pulumi: Path, wrapper: list[str]) -> None:
    with engine(pulumi, *wrapper) as (started, plugin):
        assert not ends(plugin, within_seconds=0.2)
        started.kill()
        assert ends(plugin, within_seconds=10)


def test_without_an_engine_above_it_nobody_is_watched() -> None:
    with engine(Path("/bin/sh")) as (started, plugin):
        started.kill()
        assert not ends(plugin, within_seconds=0.5)
