import io
import os
import time
from pathlib import Path

import pytest

from tools import ToolError, run
from tools.progress import Progress
from tools.run import Command


def shell(script: str, limit: float = 30) -> Command:
    return Command("counting", ("/bin/sh", "-c", script), limit)


def test_output_goes_to_the_log_and_not_to_the_screen(
    tmp_path: Path, progress: Progress, capfd: pytest.CaptureFixture[str]
) -> None:
    run.run(shell("echo one; echo two >&2"), tmp_path / "log", progress)
    assert (tmp_path / "log").read_text() == "one\ntwo\n"
    assert capfd.readouterr() == ("", "")


def test_a_failure_shows_the_last_lines_and_the_log(tmp_path: Path, progress: Progress) -> None:
    with pytest.raises(ToolError) as error:
        run.run(shell("seq 1 40; exit 3"), tmp_path / "log", progress)
    text = str(error.value)
    assert text.startswith("counting failed (exit status 3)")
    assert "\n  40\n" in text
    assert "\n  28\n" not in text
    assert text.endswith(str(tmp_path / "log"))


def test_a_command_over_its_limit_ends_with_all_it_started(
    tmp_path: Path, progress: Progress
) -> None:
    script = f"sleep 60 & echo $! > {tmp_path}/child; wait"
    with pytest.raises(ToolError, match=r"counting took more than 0 s"):
        run.run(shell(script, limit=0.4), tmp_path / "log", progress)
    assert _gone(int((tmp_path / "child").read_text()))


def test_a_long_command_gives_signs_of_life(
    tmp_path: Path, progress: Progress, said: io.StringIO, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run, "HEARTBEAT", 0.1)
    run.run(shell("sleep 0.5"), tmp_path / "log", progress)
    assert said.getvalue().startswith("[  0 s] still counting …\n")


def _gone(pid: int) -> bool:
    """Whether a process has ended, or does so soon; a zombie has."""
    for _ in range(100):
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return True
        if ") Z " in Path(f"/proc/{pid}/stat").read_text():
            return True
        time.sleep(0.05)
    return False
