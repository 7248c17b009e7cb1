"""`python -m verify`: its words, its JSON and its exit status, with made-up reports."""

import json
import sys
from pathlib import Path

import pytest

import verify.__main__ as command
from config.load import load
from verify.model import Check, Finding
from verify.report import Report

GOOD = Report("mine", {"dc1-router1": {Check.ROUTES: 3}}, frozenset(), ())
BAD = Report("mine", GOOD.checked, frozenset(), (Finding("dc1-router1", Check.ROUTES, "no route"),))


@pytest.fixture
def deployed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A `pulumi` that knows the stack `mine` and no other."""
    fabric = json.dumps(load().fabric.model_dump(mode="json"))
    program = tmp_path / "pulumi"
    program.write_text(f"#!/bin/sh\ncase \"$*\" in *mine*) echo '{fabric}';; *) exit 255;; esac\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    return program


def run(monkeypatch: pytest.MonkeyPatch, report: Report, *arguments: str) -> int:
    monkeypatch.setattr(command, "verify", lambda _stack, _plan: report)
    monkeypatch.setattr(sys, "argv", ["verify", *arguments])
    return command.main()


@pytest.mark.usefixtures("deployed")
@pytest.mark.parametrize(("report", "status"), [(GOOD, 0), (BAD, 1)])
def test_the_exit_status_says_whether_all_is_as_planned(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    report: Report,
    status: int,
) -> None:
    assert run(monkeypatch, report, "--stack", "mine") == status
    said = capsys.readouterr().out
    assert ("All as planned." in said) is report.is_good
    assert ("✗ dc1-router1: no route" in said) is not report.is_good


@pytest.mark.usefixtures("deployed")
def test_programs_get_json_and_nothing_else(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(monkeypatch, BAD, "--stack", "mine", "--json") == 1
    assert json.loads(capsys.readouterr().out) == BAD.as_json()


@pytest.mark.usefixtures("deployed")
def test_a_stack_that_is_not_deployed_is_named_with_what_to_do(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(monkeypatch, GOOD, "--stack", "other") == 1
    said = capsys.readouterr().err
    assert said.startswith("error: no settings of a deployed stack other (")
    assert said.endswith("): `make up STACK=other`\n")
