"""Pulumi's engine on stacks of our own: temporary projects, a backend and a home of their own.

A project is links to the checkout's program, so nothing is written into the checkout and no stack
of the user's is touched.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from bench.process import Taken, run
from bench.section import BenchError
from tests.engine_libvirt import plugins
from twin.place import release_stack

CHECKOUT = Path(__file__).resolve().parent.parent

#: What the program consists of: all modules of the checkout and all its folders.
_PROGRAM = ("*.py", "[a-z]*/")

#: How long any one command of the engine may take.
_LIMIT_SECONDS = 300.0

_RUNTIME = "runtime:\n  name: python\n  options:\n    virtualenv: .venv\n"


@dataclass(frozen=True, slots=True)
class Stack:
    """A stack of ours in a project of ours."""

    name: str
    project: str
    folder: Path
    environment: Mapping[str, str]

    def preview(self) -> Taken:
        """`pulumi preview`."""
        return self.pulumi("preview")

    def up(self) -> Taken:
        """`pulumi up`, which ends when the network has converged."""
        return self.pulumi("up", "--yes", "--skip-preview")

    def destroy(self) -> Taken:
        """`pulumi destroy`."""
        return self.pulumi("destroy", "--yes", "--skip-preview")

    def verify(self) -> Taken:
        """`python -m verify`."""
        return self._run(sys.executable, "-m", "verify", "--stack", self.name)

    def pulumi(self, command: str, *options: str) -> Taken:
        """Any command of the engine on this stack."""
        return self._run("pulumi", command, *options, "--stack", self.name, "--non-interactive")

    def said(self) -> str:
        """What the last command printed."""
        return self._log.read_text(errors="replace")

    @property
    def _log(self) -> Path:
        return self.folder.parent / f"{self.name}.log"

    def state_bytes(self) -> int:
        """The size of the state's file."""
        backend = self.folder.parent / "state" / ".pulumi" / "stacks"
        return (backend / self.project / f"{self.name}.json").stat().st_size

    def _run(self, *command: str) -> Taken:
        return run(
            command,
            folder=self.folder,
            environment=self.environment,
            log=self._log,
            limit_seconds=_LIMIT_SECONDS,
        )


class Workshop:
    """A temporary folder with projects and their backend."""

    def __init__(self, root: Path) -> None:
        self._root = root
        (root / "state").mkdir()
        self._environment = {
            **os.environ,
            "PULUMI_BACKEND_URL": f"file://{root}/state?metadata=skip",
            "PULUMI_HOME": str(root / "home"),
            "PULUMI_CONFIG_PASSPHRASE": "",
            "PULUMI_SKIP_UPDATE_CHECK": "1",
            "PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION": "1",
        }
        # Both sides of a comparison read their modules as compiled.
        self._environment.pop("PYTHONDONTWRITEBYTECODE", None)
        self._environment.pop("PULUMI_CONFIG_PASSPHRASE_FILE", None)
        self._count = 0

    @contextmanager
    def twin(self, fabric: Mapping[str, object]) -> Iterator[Stack]:
        """A stack of the program with this fabric. Whatever it made is removed at the end."""
        stack = self._stack(self._program(), {"underlay:fabric": fabric})
        try:
            stack.pulumi("stack", "init")
            yield stack
        finally:
            release_stack(stack.name)

    def libvirt(self, config: Mapping[str, object]) -> Stack:
        """A stack of the program with this configuration, to be previewed and not to be brought up.

        Libvirt's plugin is the real one, the others are the tests' stand-ins.
        """
        bin_ = self._root / "bin"
        bin_.mkdir(exist_ok=True)
        plugins.put(bin_, has_libvirt=True)
        path = os.pathsep.join((str(bin_), self._environment["PATH"]))
        stack = self._stack(self._program(), config)
        stack = replace(
            stack, environment={**self._environment, "PATH": path, "PYTHONPATH": str(CHECKOUT)}
        )
        stack.pulumi("stack", "init")
        return stack

    def _program(self) -> Path:
        """The project of this checkout's program."""
        folder = self._root / "underlay"
        if not folder.exists():
            self._project(folder, "underlay")
            for found in (path for pattern in _PROGRAM for path in CHECKOUT.glob(pattern)):
                (folder / found.name).symlink_to(found)
        return folder

    def empty(self) -> Stack:
        """A stack of a program without a line."""
        folder = self._root / "empty"
        self._project(folder, "empty")
        (folder / "__main__.py").touch()
        stack = self._stack(folder, {})
        stack.pulumi("stack", "init")
        return stack

    def _project(self, folder: Path, name: str) -> None:
        folder.mkdir()
        (folder / "Pulumi.yaml").write_text(f"name: {name}\n{_RUNTIME}")
        (folder / ".venv").symlink_to(sys.prefix)

    def _stack(self, folder: Path, config: Mapping[str, object]) -> Stack:
        self._count += 1
        name = f"bench-{os.getpid()}-{self._count}"
        # JSON is YAML.
        (folder / f"Pulumi.{name}.yaml").write_text(json.dumps({"config": config}))
        return Stack(name, folder.name, folder, self._environment)


@contextmanager
def workshop() -> Iterator[Workshop]:
    """A workshop, removed at the end. Raises `BenchError` where there is no engine."""
    if shutil.which("pulumi") is None:
        raise BenchError("pulumi is not on PATH: `make bench` puts it there")
    with tempfile.TemporaryDirectory(prefix="underlay-bench-") as root:
        yield Workshop(Path(root))
