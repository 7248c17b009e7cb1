"""`python -m verify --stack NAME [--json]`: observed against planned; exit 1 where they differ."""

from __future__ import annotations

import argparse
import json
import sys

from rich.console import Console

from verify.deployed import NotDeployedError, deployed
from verify.table import show


def main() -> int:
    """Look at the stack as it was deployed, and report."""
    parser = argparse.ArgumentParser(prog="python -m verify", description=__doc__)
    parser.add_argument("--stack", required=True, help="the stack's name")
    parser.add_argument("--json", action="store_true", help="for programs instead of people")
    arguments = parser.parse_args()
    try:
        stack = deployed(arguments.stack)
    except NotDeployedError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    report = stack.report()
    if arguments.json:
        print(json.dumps(report.as_json(), indent=2))
    else:
        show(report, Console())
    return 0 if report.is_good else 1


if __name__ == "__main__":
    sys.exit(main())
