"""Namespaces of one's own, tried as a user who is not root (nobody, when root runs the tests)."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.security.standing import eventually
from tools.cli import PROJECT

_NOBODY = 65534
_PYTHON = shutil.which("python3", path="/usr/bin")


@pytest.fixture
def copy() -> Iterator[Path]:
    """The package where anyone may read it: the checkout may be root's alone."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        shutil.copytree(PROJECT / "tools", Path(folder) / "tools")
        yield Path(folder)


def as_nobody(copy: Path, *words: str) -> subprocess.CompletedProcess[str]:
    if os.geteuid() != 0 or _PYTHON is None:
        pytest.skip("takes root, to become nobody, and a python3 that nobody may run")
    become = ["setpriv", f"--reuid={_NOBODY}", f"--regid={_NOBODY}", "--clear-groups"]
    return subprocess.run(
        [*become, _PYTHON, "-m", "tools", "rootless", *words],
        cwd=copy,
        env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "HOME": str(copy), "LANG": "C.UTF-8"},
        capture_output=True,
        text=True,
        timeout=60,
    )


def holders() -> list[str]:
    done = subprocess.run(["pgrep", "-f", "signal.pause.* underlay-rootless"], capture_output=True)
    return done.stdout.decode().split()


def test_whoever_is_not_root_is_root_of_namespaces_of_their_own(copy: Path) -> None:
    done = as_nobody(copy, "sh", "-c", "id -u; ip netns add a && ip netns list; ip -br link")
    assert done.stderr == ""
    assert done.stdout.splitlines()[:2] == ["0", "a"]
    assert "eth0" not in done.stdout


def test_they_last_while_a_twin_stands_and_no_longer(copy: Path) -> None:
    before = holders()
    as_nobody(copy, "mkdir", "-p", "/run/underlay/twin")
    assert len(holders()) == len(before) + 1
    listed = as_nobody(copy, "ls", "/run/underlay")
    assert listed.stdout == "twin\n"
    as_nobody(copy, "rm", "-r", "/run/underlay")
    eventually("nobody holds them any more", lambda: holders() == before)


def test_the_commands_exit_status_and_folder_are_kept(copy: Path) -> None:
    done = as_nobody(copy, "sh", "-c", "pwd; exit 7")
    assert done.stdout.strip() == str(copy)
    assert done.returncode == 7


def test_the_hosts_own_namespaces_are_not_seen_from_inside(copy: Path) -> None:
    done = as_nobody(copy, "ls", "/run/netns")
    assert done.stdout == ""
