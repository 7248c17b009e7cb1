import json
from pathlib import Path

import pytest

import bench.__main__ as command
from bench.section import BenchError, Options, Section


def test_a_quick_run_of_the_plan_prints_its_table_and_writes_its_values(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "bench.json"

    status = command.main(["--only", "plan", "--quick", "--runs", "1", "--json", str(file)])

    assert status == 0
    printed = capsys.readouterr()
    assert "8×16" in printed.out
    assert "16×16" in printed.out
    assert "plan: 8×16 1:" in printed.err
    found = json.loads(file.read_text())
    assert found["plan"]["data"]["8×16"]["render"][0] > 0
    assert found["machine"]["cores"]


def test_what_cannot_be_measured_is_one_message(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def refuse(_: Options) -> Section:
        raise BenchError("pulumi is not on PATH")

    monkeypatch.setattr(command, "SUITES", {"up": refuse})

    assert command.main(["--only", "up"]) == 1
    assert "error: pulumi is not on PATH" in capsys.readouterr().err


def test_an_interrupt_is_said_and_is_no_failure_of_the_bench(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupt(_: Options) -> Section:
        raise KeyboardInterrupt

    monkeypatch.setattr(command, "SUITES", {"up": interrupt})

    assert command.main(["--only", "up"]) == 130
    assert "interrupted" in capsys.readouterr().err


def test_an_unknown_suite_and_no_runs_are_refused(capsys: pytest.CaptureFixture[str]) -> None:
    for arguments in (["--only", "nothing"], ["--runs", "0"]):
        with pytest.raises(SystemExit):
            command.main(arguments)
    assert "invalid choice: 'nothing'" in capsys.readouterr().err
