"""`python -m verify`: its words, its JSON and its exit status, with made-up reports."""

import json
import sys

import pytest

import verify.__main__ as command
from verify.deployed import NotDeployedError
from verify.model import Check, Finding
from verify.report import Report

GOOD = Report("mine", {"dc1-router1": {Check.ROUTES: 3}}, frozenset(), ())
BAD = Report("mine", GOOD.checked, frozenset(), (Finding("dc1-router1", Check.ROUTES, "no route"),))


class Stack:
    """One whose report is made up."""

    def __init__(self, report: Report) -> None:
        self.made_up = report

    def report(self) -> Report:
        return self.made_up


def run(monkeypatch: pytest.MonkeyPatch, report: Report, *arguments: str) -> int:
    def deployed(name: str) -> Stack:
        if name != "mine":
            raise NotDeployedError(f"no settings of {name}")
        return Stack(report)

    monkeypatch.setattr(command, "deployed", deployed)
    monkeypatch.setattr(sys, "argv", ["verify", *arguments])
    return command.main()


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


def test_programs_get_json_and_nothing_else(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(monkeypatch, BAD, "--stack", "mine", "--json") == 1
    assert json.loads(capsys.readouterr().out) == BAD.as_json()


def test_a_stack_that_is_not_deployed_is_an_error(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(monkeypatch, GOOD, "--stack", "other") == 1
    assert capsys.readouterr().err == "error: no settings of other\n"
