"""A stack of this very project on the real engine, in a backend of its own."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, cast

import yaml

from config.load import load
from config.plan import Plan, make_plan
from tests.engine.commands import Commands
from tests.twin.ages import Moment, ages
from tools.cli import PROJECT, search_path
from twin import namespaces
from twin.place import STATE_FOLDER, Place, release_stack
from twin.router import control_socket
from verify.report import Report
from verify.twin_stack import TwinStack


@dataclass(frozen=True, slots=True)
class Stack(Commands):
    """A stack with a name, a configuration file and a backend that no other test uses."""

    name: str
    folder: Path
    limit_seconds: ClassVar[int] = 100

    @property
    def environment(self) -> dict[str, str]:
        """What the Makefile exports."""
        return {
            **os.environ,
            "PATH": os.pathsep.join((search_path(), os.environ["PATH"], "/usr/sbin")),
            "VIRTUAL_ENV": str(PROJECT / ".venv"),
            "PULUMI_BACKEND_URL": f"file://{self.folder}?metadata=skip",
            "PULUMI_CONFIG_PASSPHRASE": "",
            "PULUMI_SKIP_UPDATE_CHECK": "1",
            "PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION": "1",
        }

    @property
    def configuration(self) -> Path:
        """The file that stands for `Pulumi.<stack>.yaml`."""
        return self.folder / f"Pulumi.{self.name}.yaml"

    def initialise(self) -> None:
        """Make the stack. The engine writes its salt into the project, from where it is moved."""
        written = PROJECT / self.configuration.name
        try:
            self.succeed("stack", "init")
            written.rename(self.configuration)
        finally:
            written.unlink(missing_ok=True)

    def configure(self, fabric: Mapping[str, object]) -> None:
        """Write the configuration, keeping the salt that the engine wrote."""
        kept: dict[str, object] = {}
        if self.configuration.exists():
            kept = yaml.safe_load(self.configuration.read_text()) or {}
        config = {"underlay:fabric": dict(fabric)}
        self.configuration.write_text(yaml.safe_dump({**kept, "config": config}))

    def set_secret(self, path: str, value: str) -> None:
        """Add a secret to the configuration."""
        self.succeed("config", "set", "--secret", "--path", path, value)

    def command(self, *arguments: str) -> list[str]:
        """A `pulumi` command on this stack."""
        options = ["--stack", self.name, "--config-file", str(self.configuration)]
        if arguments[0] == "stack":
            options = options[:2]
        return ["pulumi", "--cwd", str(PROJECT), "--non-interactive", *arguments, *options]

    def preview(self) -> dict[str, str]:
        """What would be done, by the resource's name."""
        steps = json.loads(self.succeed("preview", "--json"))["steps"]
        return {step["urn"].rpartition("::")[2]: step["op"] for step in steps}

    def outputs(self) -> dict[str, object]:
        """The stack's outputs."""
        text = self.succeed("stack", "output", "--json")
        return cast("dict[str, object]", json.loads(text))

    def plan(self) -> Plan:
        """The plan of the configuration as it stands."""
        config = yaml.safe_load(self.configuration.read_text())["config"]
        return make_plan(load(config["underlay:fabric"]))

    def verify(self) -> Report:
        """Observed against planned."""
        return TwinStack(self.name, self.plan()).report()

    def place(self, machine: str) -> Place:
        """Where a machine stands."""
        return Place(self.name, machine)

    def sessions_since(self, router: str) -> dict[str, Moment]:
        """Since when each of a router's BGP sessions has been up, by BIRD's name of it."""
        return {
            name: since
            for name, (_, since) in ages(control_socket(self.place(router))).items()
            if name.startswith(("router_", "node_"))
        }

    def remains(self) -> list[str]:
        """What stands on this machine under the stack's name."""
        marks = f"{STATE_FOLDER}/{self.name}"
        return [
            *(entry.name for entry in namespaces.NETNS_FOLDER.glob(f"{self.name}-*")),
            *(str(folder) for folder in STATE_FOLDER.glob(self.name)),
            *(command for command in _command_lines() if marks in command),
        ]

    def end(self) -> None:
        """Remove whatever stands, in whatever state the test left it."""
        release_stack(self.name)  # the engine would take seconds for it
        # What is run without naming the configuration file writes its salt into the project.
        (PROJECT / self.configuration.name).unlink(missing_ok=True)


def _command_lines() -> list[str]:
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                found.append((entry / "cmdline").read_bytes().replace(b"\0", b" ").decode())
            except OSError:
                continue
    return found
