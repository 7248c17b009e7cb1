"""The command: a stack's file in, findings out, and an exit status for scripts."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from rich.console import Console

from doctor.finding import Check, Finding
from doctor.show import show
from doctor.stack import read
from tools.cli import PROJECT

ROUTERS_ALONE = """\
config:
  underlay:substrate: libvirt
  underlay:libvirt:
    cluster: false
    type: qemu
    uri: qemu:///system?socket={folder}/no-libvirt
    openwrt: {{kernel: {folder}/no-kernel, root: {folder}/no-root}}
  underlay:passwords:
    secure: v1:unreadable
"""


def doctor(folder: Path, stack: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        (sys.executable, "-m", "doctor", "--stack", stack),
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(PROJECT)},
        capture_output=True,
        text=True,
        timeout=300,
    )


def test_everything_that_stops_up_is_listed_together(tmp_path: Path) -> None:
    (tmp_path / "Pulumi.mine.yaml").write_text(ROUTERS_ALONE.format(folder=tmp_path))
    done = doctor(tmp_path, "mine")
    assert done.returncode == 1
    lines = done.stdout.splitlines()
    assert lines[0] == "mine cannot come up:"
    for start in (
        f"✗ the router's kernel {tmp_path}/no-kernel does not exist: ",
        f"✗ the router's root {tmp_path}/no-root does not exist: ",
        f"✗ qemu:///system?socket={tmp_path}/no-libvirt: no libvirt on this machine ",
    ):
        assert any(line.startswith(start) for line in lines), start
    assert done.stderr == ""


def test_a_bad_configuration_is_all_that_is_said(tmp_path: Path) -> None:
    (tmp_path / "Pulumi.mine.yaml").write_text("config: {underlay:fabric: {rooters: 2}}")
    done = doctor(tmp_path, "mine")
    assert done.returncode == 1
    assert "fabric.rooters is not a setting" in done.stderr
    assert "Traceback" not in done.stderr


def test_the_twins_preflight_is_the_doctors(tmp_path: Path) -> None:
    stack = "t" * 31
    done = doctor(tmp_path, stack)
    assert done.returncode == 1
    assert f"✗ the stack's name {stack} has 31 characters" in done.stdout


def test_a_file_that_is_no_yaml_is_said_to_be_none(tmp_path: Path) -> None:
    (tmp_path / "Pulumi.mine.yaml").write_text("config: [")
    with pytest.raises(ValueError, match=r"Pulumi\.mine\.yaml is no YAML"):
        read(tmp_path, "mine")


@pytest.mark.parametrize("stack", ["dev", "ndc", "twin"])
def test_the_projects_own_stacks_can_be_read(stack: str) -> None:
    assert read(PROJECT, stack).substrate.value == ("twin" if stack == "twin" else "libvirt")


def printed(*checks: Check, capsys: pytest.CaptureFixture[str]) -> tuple[bool, str]:
    is_good = show("dev", checks, Console(width=100))
    return is_good, capsys.readouterr().out


def test_a_machine_that_has_everything_gets_a_table(capsys: pytest.CaptureFixture[str]) -> None:
    is_good, text = printed(Check("KVM on fra", "/dev/kvm is open"), capsys=capsys)
    assert is_good
    assert "KVM on fra" in text
    assert "✓" in text
    assert "Nothing stops `make up STACK=dev`." in text


def test_warnings_stand_apart_and_stop_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    warned = Check("memory", "little", (Finding("it is little", stops=False),))
    is_good, text = printed(warned, capsys=capsys)
    assert is_good
    assert "\n! it is little\n" in text


def test_a_finding_is_one_line_however_long(capsys: pytest.CaptureFixture[str]) -> None:
    long = "what: why: " + "remedy " * 40 + "end"
    is_good, text = printed(Check("x", "", (Finding(long),)), capsys=capsys)
    assert not is_good
    assert f"✗ {long}\n" in text
