"""A program of a few lines on the real engine, on the lab's host."""

import json
import os
import subprocess
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import cast

import pytest

from tests.day1.lab import Lab
from tools.cli import PROJECT, search_path

#: More than any command takes on a busy machine.
_LIMIT_SECONDS = 180


@dataclass
class Stack:
    """`program` finds what `inputs` says at that moment in the file that INPUTS names."""

    lab: Lab
    folder: Path
    inputs: Callable[[], dict[str, object]]
    seen: list[str] = field(default_factory=list)

    def init(self, program: str) -> None:
        if not Path(search_path().split(os.pathsep)[1], "pulumi").exists():
            pytest.skip("needs the Pulumi CLI (`make tools`)")
        for name in ("program", "state"):
            (self.folder / name).mkdir()
        (self.folder / "program/Pulumi.yaml").write_text("name: day1\nruntime: python\n")
        (self.folder / "program/__main__.py").write_text(program)
        self.pulumi("stack", "init", "test")

    def pulumi(self, *arguments: str, fails: bool = False) -> str:
        return self.run("pulumi", "--non-interactive", *arguments, fails=fails)

    def run(self, *command: str, fails: bool = False) -> str:
        """Any command in the program's folder, as the Makefile would call it."""
        (self.folder / "inputs.json").write_text(json.dumps(self.inputs()))
        environment = {
            **os.environ,
            "PATH": os.pathsep.join((search_path(), os.environ["PATH"])),
            "PYTHONPATH": str(PROJECT),
            "VIRTUAL_ENV": str(PROJECT / ".venv"),
            "PULUMI_BACKEND_URL": f"file://{self.folder}/state?metadata=skip",
            "PULUMI_CONFIG_PASSPHRASE": "",
            "PULUMI_SKIP_UPDATE_CHECK": "1",
            "PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION": "1",
            "INPUTS": str(self.folder / "inputs.json"),
        }
        done = subprocess.run(
            self.lab.command(*command),
            cwd=self.folder / "program",
            env=environment,
            capture_output=True,
            text=True,
            timeout=_LIMIT_SECONDS,
        )
        self.seen += [done.stdout, done.stderr]
        assert (done.returncode != 0) == fails, done.stdout + done.stderr
        return done.stdout + done.stderr

    def up(self, *, fails: bool = False) -> str:
        return self.pulumi("up", "--yes", "--skip-preview", "--stack", "test", fails=fails)

    def refresh(self, *, fails: bool = False) -> str:
        return self.pulumi("refresh", "--yes", "--skip-preview", "--stack", "test", fails=fails)

    def destroy(self) -> None:
        self.pulumi("destroy", "--yes", "--skip-preview", "--stack", "test")

    def state(self) -> str:
        return self.pulumi("stack", "export", "--stack", "test")

    def outputs(self, kind: str) -> dict[str, object]:
        """Of the one resource of this kind."""
        resources = json.loads(self.state())["deployment"]["resources"]
        (found,) = (item["outputs"] for item in resources if item["type"].endswith(kind))
        return cast("dict[str, object]", found)

    def operations(self) -> list[str]:
        """What a preview would do to dynamic resources."""
        steps = json.loads(self.pulumi("preview", "--json", "--stack", "test"))["steps"]
        changes = [step["op"] for step in steps if "dynamic" in step["urn"]]
        return [op for op in changes if op != "same"]

    def everything(self) -> str:
        """All that was printed, and all that is kept."""
        kept = (path.read_text() for path in (self.folder / "state").rglob("*.json*"))
        return "\n".join([*self.seen, *kept])
