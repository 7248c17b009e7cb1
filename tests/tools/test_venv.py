import io
from pathlib import Path

import pytest

from tools import ToolError, venv
from tools.progress import Progress
from tools.run import Command


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "requirements.txt").write_text("one==1\n")
    (tmp_path / "requirements-libvirt.txt").write_text("one==1\nhalf==1\n")
    (tmp_path / "requirements-dev.txt").write_text("one==1\nhalf==1\ntwo==2\n")
    return tmp_path


@pytest.fixture
def commands(project: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Stand in for `venv` and `pip`: what they were called for."""
    calls: list[str] = []

    def run(command: Command, log: Path, progress: Progress) -> None:
        if "venv" in command.arguments:
            calls.append("venv")
            (project / ".venv/bin").mkdir()
            (project / ".venv/bin/python").touch()
        else:
            assert "--require-hashes" in command.arguments
            calls.append(command.arguments[-1])

    monkeypatch.setattr(venv, "run", run)
    return calls


def test_an_environment_is_made_once(
    project: Path, commands: list[str], progress: Progress, said: io.StringIO
) -> None:
    venv.ensure(project, "runtime", progress)
    assert commands == ["venv", "requirements.txt"]
    said.truncate(0)
    venv.ensure(project, "runtime", progress)
    assert commands == ["venv", "requirements.txt"]
    assert said.getvalue() == ""


def test_what_developers_need_includes_what_the_program_needs(
    project: Path, commands: list[str], progress: Progress
) -> None:
    venv.ensure(project, "dev", progress)
    venv.ensure(project, "runtime", progress)
    assert commands == ["venv", "requirements-dev.txt"]


def test_stacks_on_libvirt_need_more_than_the_twin_and_less_than_developers(
    project: Path, commands: list[str], progress: Progress
) -> None:
    venv.ensure(project, "libvirt", progress)
    venv.ensure(project, "runtime", progress)
    venv.ensure(project, "dev", progress)
    venv.ensure(project, "libvirt", progress)
    assert commands == ["venv", "requirements-libvirt.txt", "requirements-dev.txt"]


def test_what_developers_need_is_added_to_what_is_there(
    project: Path, commands: list[str], progress: Progress
) -> None:
    venv.ensure(project, "runtime", progress)
    venv.ensure(project, "dev", progress)
    assert commands == ["venv", "requirements.txt", "requirements-dev.txt"]


def test_changed_requirements_are_installed(
    project: Path, commands: list[str], progress: Progress
) -> None:
    venv.ensure(project, "runtime", progress)
    (project / "requirements.txt").write_text("one==1.1\n")
    assert not venv.current(project, "runtime")
    venv.ensure(project, "runtime", progress)
    assert commands == ["venv", "requirements.txt", "requirements.txt"]


def test_a_half_made_environment_is_made_anew(
    project: Path, commands: list[str], progress: Progress
) -> None:
    venv.ensure(project, "runtime", progress)
    (project / ".venv" / venv.STAMP).unlink()
    (project / ".venv/lib/rest").mkdir(parents=True)
    venv.ensure(project, "runtime", progress)
    assert commands == ["venv", "requirements.txt"] * 2
    assert not (project / ".venv/lib").exists()


def test_an_environment_whose_python_is_gone_is_made_anew(
    project: Path, commands: list[str], progress: Progress
) -> None:
    venv.ensure(project, "runtime", progress)
    (project / ".venv/bin/python").unlink()
    (project / ".venv/bin/python").symlink_to("/nowhere/python3")
    venv.ensure(project, "runtime", progress)
    assert commands == ["venv", "requirements.txt"] * 2


def test_an_environment_that_was_moved_is_made_anew(
    project: Path, commands: list[str], progress: Progress
) -> None:
    venv.ensure(project, "runtime", progress)
    stamp = project / ".venv" / venv.STAMP
    stamp.write_text(stamp.read_text().replace(str(project), "/elsewhere"))
    venv.ensure(project, "runtime", progress)
    assert commands == ["venv", "requirements.txt"] * 2


def test_a_failed_installation_is_not_taken_for_a_finished_one(
    project: Path, commands: list[str], progress: Progress, monkeypatch: pytest.MonkeyPatch
) -> None:
    venv.ensure(project, "runtime", progress)

    def fail(command: Command, log: Path, progress: Progress) -> None:
        raise ToolError("hashes do not match")

    monkeypatch.setattr(venv, "run", fail)
    with pytest.raises(ToolError):
        venv.ensure(project, "dev", progress)
    assert not venv.current(project, "runtime")


def test_debians_python_without_ensurepip_asks_for_its_package(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    monkeypatch.setattr("sys.base_prefix", "/usr")
    assert [need.package for need in venv.needs(project)] == ["python3-venv"]
    monkeypatch.setattr("sys.base_prefix", "/opt/python")
    assert venv.needs(project) == []
