"""`python -m doctor --stack NAME`: what machines lack for a stack; exit 1 if `up` would fail."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable
from pathlib import Path

from rich.console import Console

from config.plan import make_plan
from config.schema import Substrate
from config.settings import Settings
from doctor import stack
from doctor.finding import Check
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
    return 0 if show(name, list(_checks(settings, name)), Console()) else 1


def _checks(settings: Settings, name: str) -> Iterable[Check]:
    """Each substrate's module is imported for it alone: a twin's environment has no more."""
    plan = make_plan(settings)
    match settings.substrate:
        case Substrate.TWIN:
            from doctor import twin

            return twin.checks(plan, name)
        case Substrate.LIBVIRT:
            from doctor import libvirt

            return libvirt.checks(settings, plan)


if __name__ == "__main__":
    sys.exit(main())
