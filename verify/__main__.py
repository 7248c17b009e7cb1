"""`python -m verify --stack NAME [--json]`: observed against planned; exit 1 where they differ."""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections.abc import Mapping
from typing import cast

from rich.console import Console

from verify.report import verify
from verify.table import show
from verify.waiting import plan_of

_LIMIT_SECONDS = 60


def main() -> int:
    """Look at the stack as it was deployed, and report."""
    parser = argparse.ArgumentParser(prog="python -m verify", description=__doc__)
    parser.add_argument("--stack", required=True, help="the stack's name")
    parser.add_argument("--json", action="store_true", help="for programs instead of people")
    arguments = parser.parse_args()
    try:
        fabric = deployed_fabric(arguments.stack)
    except (OSError, subprocess.SubprocessError) as error:
        words = (getattr(error, "stderr", None) or str(error)).strip()
        print(
            f"error: no settings of a deployed stack {arguments.stack} ({words}): "
            f"`make up STACK={arguments.stack}`",
            file=sys.stderr,
        )
        return 1
    report = verify(arguments.stack, plan_of(fabric))
    if arguments.json:
        print(json.dumps(report.as_json(), indent=2))
    else:
        show(report, Console())
    return 0 if report.is_good else 1


def deployed_fabric(stack: str) -> Mapping[str, object]:
    """The settings that the stack was deployed with, from its outputs.

    Raises `OSError` where there is no engine, `subprocess.SubprocessError` where it has no answer.
    """
    command = ["pulumi", "stack", "output", "fabric", "--json", "--stack", stack]
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=_LIMIT_SECONDS, check=True
    )
    return cast("Mapping[str, object]", json.loads(done.stdout))


if __name__ == "__main__":
    sys.exit(main())
