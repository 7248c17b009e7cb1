import sys
from pathlib import Path

import pytest

from bench.process import Taken, run
from bench.section import BenchError


def python(tmp_path: Path, program: str, limit_seconds: float = 30) -> Taken:
    return run(
        [sys.executable, "-c", program],
        folder=tmp_path,
        environment={},
        log=tmp_path / "log",
        limit_seconds=limit_seconds,
    )


def test_time_and_cpu_are_those_of_the_command(tmp_path: Path) -> None:
    taken = python(tmp_path, "import time; time.sleep(0.2)")

    assert taken.wall >= 0.2
    assert 0 < taken.cpu < taken.wall


def test_a_failure_shows_the_commands_last_words(tmp_path: Path) -> None:
    with pytest.raises(BenchError, match=r"ended with 3:\nwhat went wrong"):
        python(tmp_path, "print('what went wrong'); raise SystemExit(3)")


def test_a_command_that_hangs_is_ended_and_named(tmp_path: Path) -> None:
    with pytest.raises(BenchError, match="has not ended after 0 s"):
        python(tmp_path, "import time; time.sleep(60)", limit_seconds=0.3)
