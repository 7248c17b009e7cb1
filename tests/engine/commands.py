"""Commands of the engine on one stack, however it is called."""

from __future__ import annotations

import subprocess
from abc import ABC, abstractmethod
from typing import ClassVar


class Commands(ABC):
    """Runs them within `limit_seconds` each."""

    __slots__ = ()

    limit_seconds: ClassVar[int]

    @property
    @abstractmethod
    def environment(self) -> dict[str, str]:
        """What the engine sees."""

    @abstractmethod
    def command(self, *arguments: str) -> list[str]:
        """A `pulumi` command on this stack."""

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run it to its end."""
        return subprocess.run(
            self.command(*arguments),
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=self.limit_seconds,
        )

    def succeed(self, *arguments: str) -> str:
        """Run it; what it printed. Fails the test with that if it failed."""
        done = self.run(*arguments)
        assert done.returncode == 0, f"{arguments}:\n{done.stdout}\n{done.stderr}"
        return done.stdout

    def fail(self, *arguments: str) -> str:
        """Run what must fail; all that it printed."""
        done = self.run(*arguments)
        assert done.returncode != 0, f"{arguments} succeeded:\n{done.stdout}"
        return done.stdout + done.stderr

    def up(self, *options: str) -> str:
        """`pulumi up`, as the Makefile calls it."""
        return self.succeed("up", "--yes", "--skip-preview", *options)

    def destroy(self) -> str:
        """`pulumi destroy`."""
        return self.succeed("destroy", "--yes", "--skip-preview")
