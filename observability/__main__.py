"""`python -m observability --stack NAME --into FOLDER`: targets, alert rules and the dashboard."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TypedDict, cast

from config.load import load
from config.plan import make_plan
from engine.outputs import NoOutputsError, outputs
from render.alerts import rules
from render.dashboard import dashboard
from render.scrape import StaticConfig
from render.yaml_text import yaml_text


class Outputs(TypedDict):
    """Those of the stack's outputs that are read here."""

    fabric: Mapping[str, object]
    scrape: Mapping[str, list[StaticConfig]]


class NothingError(RuntimeError):
    """There is nothing to write; says why, and what would do."""


def main() -> int:
    """Write the files of the stack as it was deployed."""
    parser = argparse.ArgumentParser(prog="python -m observability", description=__doc__)
    parser.add_argument("--stack", required=True, help="the stack's name")
    parser.add_argument("--into", required=True, type=Path, help="the folder to write to")
    arguments = parser.parse_args()
    try:
        for path in write(arguments.stack, deployed(arguments.stack), arguments.into):
            print(path)
    except (NothingError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


def deployed(stack: str) -> Outputs:
    """The outputs that the stack was deployed with. Raises `NothingError` where there are none."""
    try:
        found = outputs(stack)
    except NoOutputsError as error:
        message = f"no outputs of a stack {stack} ({error}): `make up STACK={stack}`"
        raise NothingError(message) from None
    if not {"fabric", "scrape"} <= found.keys():
        raise NothingError(
            f"{stack} was not deployed yet, or not by this program: `make up STACK={stack}`"
        )
    return cast("Outputs", found)


def write(stack: str, found: Outputs, folder: Path) -> list[Path]:
    """Write the files; returns where they are. Raises `NothingError` where there are no metrics."""
    plan = make_plan(load(found["fabric"]))
    if not plan.observability.is_on:
        raise NothingError(
            f"{stack} has no metrics: turn on underlay:fabric.observability.routers, .cilium or "
            f".hubble.metrics, and `make up STACK={stack}`"
        )
    targets = [config for job in found["scrape"].values() for config in job]
    texts = {
        "targets.json": json.dumps(targets, indent=2) + "\n",
        "rules.yml": yaml_text(rules(plan)),
        "dashboard.json": json.dumps(dashboard(plan), indent=2) + "\n",
    }
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in texts.items():
        (folder / name).write_text(text)
    return [folder / name for name in texts]


if __name__ == "__main__":
    sys.exit(main())
