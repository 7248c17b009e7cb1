import json
import os
import socket
import subprocess
from pathlib import Path

import pytest

from tools import ToolError
from tools.mend import dead_locks, mend

PULUMI = """#!/bin/sh
echo "$*" >> {calls}
[ "$2" != export ] || echo '{{"deployment": null}}'
exit {status}
"""


@pytest.fixture
def backend(tmp_path: Path) -> Path:
    folder = tmp_path / "state"
    (folder / ".pulumi" / "locks" / "organization" / "underlay" / "twin").mkdir(parents=True)
    return folder


@pytest.fixture
def calls(tmp_path: Path) -> Path:
    return tmp_path / "calls"


def environment(backend: Path, calls: Path, status: int = 0) -> dict[str, str]:
    engine = calls.parent / "bin" / "pulumi"
    engine.parent.mkdir(exist_ok=True)
    engine.write_text(PULUMI.format(calls=calls, status=status))
    engine.chmod(0o755)
    return {
        "PATH": f"{engine.parent}:{os.environ['PATH']}",
        "PULUMI_BACKEND_URL": f"file://{backend}?metadata=skip",
    }


def lock(backend: Path, process: int, host: str | None = None) -> Path:
    path = backend / ".pulumi" / "locks" / "organization" / "underlay" / "twin" / "1.json"
    path.write_text(json.dumps({"pid": process, "hostname": host or socket.gethostname()}))
    return path


def a_dead_process() -> int:
    process = subprocess.Popen(["true"])
    process.wait()
    return process.pid


def test_a_stack_without_a_lock_is_left_alone(backend: Path, calls: Path, tmp_path: Path) -> None:
    mend("twin", tmp_path, repeatable=True, environ=environment(backend, calls))
    assert not calls.exists()


def test_the_lock_of_an_engine_that_is_gone_is_taken_back(
    backend: Path, calls: Path, tmp_path: Path
) -> None:
    lock(backend, a_dead_process())
    mend("twin", tmp_path, repeatable=False, environ=environment(backend, calls))
    assert calls.read_text().splitlines() == [
        "cancel --yes --stack twin",
        "stack export --stack twin",
    ]


def test_unfinished_operations_are_struck_only_where_they_can_be_repeated(
    backend: Path, calls: Path, tmp_path: Path
) -> None:
    lock(backend, a_dead_process())
    mend("twin", tmp_path, repeatable=True, environ=environment(backend, calls))
    assert calls.read_text().splitlines()[1:] == [
        "refresh --yes --skip-preview --clear-pending-creates --stack twin"
    ]


def test_a_process_that_took_the_dead_engines_number_does_not_keep_the_lock(
    backend: Path, calls: Path
) -> None:
    found = lock(backend, os.getpid())
    assert list(dead_locks("twin", environment(backend, calls))) == [found]


def test_the_lock_of_another_machine_is_left_alone(backend: Path, calls: Path) -> None:
    lock(backend, a_dead_process(), host="elsewhere.example")
    assert list(dead_locks("twin", environment(backend, calls))) == []


def test_the_lock_of_an_engine_that_runs_is_left_alone(
    backend: Path, calls: Path, tmp_path: Path
) -> None:
    engine = tmp_path / "pulumi"
    engine.symlink_to("/bin/sleep")
    with subprocess.Popen([str(engine), "60"]) as running:
        while Path(f"/proc/{running.pid}/comm").read_text() != "pulumi\n":
            pass  # the kernel names it a moment after it runs
        lock(backend, running.pid)
        found = list(dead_locks("twin", environment(backend, calls)))
        running.kill()
    assert found == []


def test_another_stacks_lock_is_left_alone(backend: Path, calls: Path) -> None:
    lock(backend, a_dead_process())
    assert list(dead_locks("dev", environment(backend, calls))) == []


def test_only_backends_in_files_are_looked_at(backend: Path, calls: Path) -> None:
    lock(backend, a_dead_process())
    elsewhere = environment(backend, calls) | {"PULUMI_BACKEND_URL": "s3://bucket"}
    assert list(dead_locks("twin", elsewhere)) == []


def test_an_engine_that_refuses_is_quoted(backend: Path, calls: Path, tmp_path: Path) -> None:
    lock(backend, a_dead_process())
    with pytest.raises(ToolError, match="`pulumi cancel --yes --stack twin` failed"):
        mend("twin", tmp_path, repeatable=True, environ=environment(backend, calls, status=1))
