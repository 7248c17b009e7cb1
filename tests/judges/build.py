"""Builds a judge from its Go module, once for all checkouts and test workers of a user."""

import os
from collections.abc import Mapping
from pathlib import Path

from tools.gobuild import Program

SOURCES = Path(__file__).resolve().parent
LIMIT = 1800.0  # seconds; a cold build took 80 of CPU time for talos and 170 for cilium


def program(name: str, env: Mapping[str, str] = os.environ) -> Path:
    """The judge whose sources are in the folder `name`, built unless these sources were before."""
    return Program(
        name=name,
        source=SOURCES / name,
        kind="judges",
        what=f"the judge {name}",
        limit=LIMIT,
    ).built(env)
