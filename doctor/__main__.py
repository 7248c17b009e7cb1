"""`python -m doctor --stack NAME`: what machines lack for a stack; exit 1 if `up` would fail."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from rich.console import Console

from config.plan import make_plan
from config.schema import Substrate
from doctor import libvirt, stack, twin
from doctor.show import show


def main() -> int:
    """Look, and say what was found. Nothing is made and nothing is changed."""
    parser = argparse.ArgumentParser(prog="python -m doctor", description=__doc__)
    parser.add_argument("--stack", required=True, help="the stack's name")
    name = parser.parse_args().stack
    try:
        settings = stack.read(Path(), name)
    except ValueError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    plan = make_plan(settings)
    match settings.substrate:
        case Substrate.TWIN:
            checks = twin.checks(plan, name)
        case Substrate.LIBVIRT:
            checks = libvirt.checks(settings, plan)
    return 0 if show(name, list(checks), Console()) else 1


if __name__ == "__main__":
    sys.exit(main())
