"""Small executables and a progress log, for tests that stand in for a machine."""

import io
from collections.abc import Callable
from pathlib import Path

import pytest

from tools.progress import Progress

Executable = Callable[[Path, str], Path]


@pytest.fixture
def executable() -> Executable:
    """Write a shell script that can be run."""

    def write(path: Path, script: str = "exit 0") -> Path:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"#!/bin/sh\n{script}\n")
        path.chmod(0o755)
        return path

    return write


@pytest.fixture
def said() -> io.StringIO:
    return io.StringIO()


@pytest.fixture
def progress(said: io.StringIO) -> Progress:
    return Progress(said)
