import io
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tools import ToolError
from tools.lock import locked
from tools.progress import Progress

HOLD = """
import sys, time
from pathlib import Path
from tools.lock import locked
from tools.progress import Progress

with locked(Path(sys.argv[1]), "x", Progress()):
    print("held", flush=True)
    time.sleep(60)
"""


def test_the_one_who_waits_is_told_for_whom_and_gives_up_in_the_end(
    tmp_path: Path, progress: Progress, said: io.StringIO
) -> None:
    lock = tmp_path / "deep" / "lock"
    with (
        locked(lock, "baking", progress),
        pytest.raises(ToolError, match=f"process {os.getpid()}, which is baking"),
        locked(lock, "baking", progress, limit=0.3),
    ):
        pass
    assert said.getvalue().count(f"waiting for process {os.getpid()}, which is baking") == 1


def test_a_lock_is_free_again_after_use_and_after_an_error(
    tmp_path: Path, progress: Progress, said: io.StringIO
) -> None:
    with pytest.raises(ZeroDivisionError), locked(tmp_path / "lock", "baking", progress):
        raise ZeroDivisionError
    with locked(tmp_path / "lock", "baking", progress, limit=0):
        pass
    assert said.getvalue() == ""


def test_a_killed_process_holds_no_lock(tmp_path: Path, progress: Progress) -> None:
    lock = tmp_path / "lock"
    arguments = (sys.executable, "-c", HOLD, lock)
    with subprocess.Popen(arguments, stdout=subprocess.PIPE) as holder:
        assert holder.stdout
        assert holder.stdout.readline() == b"held\n"
        with pytest.raises(ToolError), locked(lock, "x", progress, limit=0):
            pass
        holder.kill()
    with locked(lock, "x", progress, limit=0):
        pass
