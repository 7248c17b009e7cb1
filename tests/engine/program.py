"""A program of a few lines on the real engine, in a backend of its own."""

import json
import os
import subprocess
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import cast

import pytest

from tools.cli import PROJECT, search_path

#: More than any command takes on a busy machine.
_LIMIT_SECONDS = 300

#: Before a test has a cache of its own.
_SEARCH_PATH = search_path()


def _as_it_is(*command: str) -> Sequence[str]:
    return command


@dataclass
class Program:
    """A project `lab` with the stack `test`.

    The program finds `inputs`, as they are at that moment, in the file that INPUTS names. `enter`
    makes of a command another that runs it elsewhere.
    """

    folder: Path
    inputs: dict[str, object]
    enter: Callable[..., Sequence[str]] = _as_it_is
    seen: list[str] = field(default_factory=list)

    def init(self, program: str) -> None:
        if not Path(_SEARCH_PATH.split(os.pathsep)[1], "pulumi").exists():
            pytest.skip("needs the Pulumi CLI (`make tools`)")
        for name in ("program", "state"):
            (self.folder / name).mkdir()
        (self.folder / "program/Pulumi.yaml").write_text("name: lab\nruntime: python\n")
        (self.folder / "program/__main__.py").write_text(program)
        self.pulumi("stack", "init")

    def pulumi(self, *arguments: str, fails: bool = False) -> str:
        return self.run("pulumi", "--non-interactive", *arguments, "--stack", "test", fails=fails)

    def run(self, *command: str, fails: bool = False) -> str:
        """Any command in the program's folder, as the Makefile would call it."""
        (self.folder / "inputs.json").write_text(json.dumps(self.inputs))
        environment = {
            **os.environ,
            "PATH": os.pathsep.join((_SEARCH_PATH, os.environ["PATH"])),
            "PYTHONPATH": str(PROJECT),
            "VIRTUAL_ENV": str(PROJECT / ".venv"),
            "PULUMI_BACKEND_URL": f"file://{self.folder}/state?metadata=skip",
            "PULUMI_CONFIG_PASSPHRASE": "",
            "PULUMI_SKIP_UPDATE_CHECK": "1",
            "PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION": "1",
            "INPUTS": str(self.folder / "inputs.json"),
        }
        done = subprocess.run(
            self.enter(*command),
            cwd=self.folder / "program",
            env=environment,
            capture_output=True,
            text=True,
            timeout=_LIMIT_SECONDS,
        )
        self.seen += [done.stdout, done.stderr]
        assert (done.returncode != 0) == fails, done.stdout + done.stderr
        return done.stdout + done.stderr

    def preview(self, *options: str, fails: bool = False) -> str:
        return self.pulumi("preview", "--diff", *options, fails=fails)

    def up(self, *options: str, fails: bool = False) -> str:
        return self.pulumi("up", "--yes", "--skip-preview", *options, fails=fails)

    def refresh(self, *, fails: bool = False) -> str:
        return self.pulumi("refresh", "--yes", "--skip-preview", fails=fails)

    def destroy(self) -> None:
        self.pulumi("destroy", "--yes", "--skip-preview")

    def state(self) -> str:
        return self.pulumi("stack", "export")

    def outputs(self) -> dict[str, str | None]:
        """The stack's."""
        found: dict[str, str | None] = json.loads(self.pulumi("stack", "output", "--json"))
        return found

    def outputs_of(self, kind: str) -> dict[str, object]:
        """Of the one resource of this kind."""
        resources = json.loads(self.state())["deployment"]["resources"]
        (found,) = (item["outputs"] for item in resources if item["type"].endswith(kind))
        return cast("dict[str, object]", found)

    def operations(self) -> list[str]:
        """What a preview would do to dynamic resources."""
        steps = json.loads(self.pulumi("preview", "--json"))["steps"]
        changes = [step["op"] for step in steps if "dynamic" in step["urn"]]
        return [op for op in changes if op != "same"]

    def everything(self) -> str:
        """All that was printed, and all that is kept."""
        kept = (path.read_text() for path in (self.folder / "state").rglob("*.json*"))
        return "\n".join([*self.seen, *kept])
