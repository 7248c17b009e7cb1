"""The files for a Prometheus and a Grafana, written from a deployed stack's outputs."""

import json
from pathlib import Path
from typing import cast

import pytest

import observability.__main__ as command
from config.plan import Plan
from render import scrape
from tests.render.plans import planned
from tests.render.prometheus import promtool

_FABRIC = {"observability": {"routers": True, "cilium": True}}
PLAN = planned(_FABRIC)


def outputs(fabric: dict[str, object], plan: Plan) -> command.Outputs:
    return cast("command.Outputs", {"fabric": fabric, "scrape": scrape.targets(plan, agents=False)})


def pulumi(monkeypatch: pytest.MonkeyPatch, folder: Path, script: str) -> None:
    program = folder / "pulumi"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(folder), prepend=":")


def run(monkeypatch: pytest.MonkeyPatch, folder: Path) -> int:
    arguments = ["observability", "--stack", "mine", "--into", str(folder / "a" / "b")]
    monkeypatch.setattr("sys.argv", arguments)
    return command.main()


def test_prometheus_takes_what_is_written(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pulumi(monkeypatch, tmp_path, f"echo '{json.dumps(outputs({**_FABRIC}, PLAN))}'")
    assert run(monkeypatch, tmp_path) == 0
    folder = tmp_path / "a" / "b"
    names = {"targets.json", "rules.yml", "dashboard.json"}
    assert {path.name for path in folder.iterdir()} == names
    assert {Path(line).name for line in capsys.readouterr().out.splitlines()} == names
    assert json.loads((folder / "dashboard.json").read_text())["panels"]
    job = {"job_name": "underlay", "file_sd_configs": [{"files": ["targets.json"]}]}
    promtool(
        folder,
        *("check", "config", "prometheus.yml"),
        prometheus={"rule_files": ["rules.yml"], "scrape_configs": [job]},
    )


def test_a_stack_that_has_no_metrics_is_told_how_to_get_them(tmp_path: Path) -> None:
    with pytest.raises(command.NothingError, match=r"mine has no metrics: turn on .*routers"):
        command.write("mine", outputs({}, planned()), tmp_path / "files")
    assert not (tmp_path / "files").exists()


@pytest.mark.parametrize(
    ("script", "words"),
    [
        ("echo no such stack >&2; exit 255", "no outputs of a stack mine (no such stack)"),
        ("echo '{}'", "mine was not deployed yet"),
    ],
)
def test_a_stack_that_is_not_there_is_said_so(
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    script: str,
    words: str,
) -> None:
    pulumi(monkeypatch, tmp_path, script)
    assert run(monkeypatch, tmp_path) == 1
    said = capsys.readouterr().err
    assert words in said
    assert "`make up STACK=mine`" in said
