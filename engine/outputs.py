"""A stack's outputs, as the engine's own command prints them."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Mapping
from typing import Any

# Outputs are untyped by nature.
Outputs = Mapping[str, Any]

_LIMIT_SECONDS = 60


class NoOutputsError(RuntimeError):
    """There are none, in the engine's words or the system's."""


def outputs(stack: str, *, with_secrets: bool = False) -> Outputs:
    """The outputs, by a pipe: secrets are on no command line and in no file.

    Secrets may take a passphrase. Raises `NoOutputsError`.
    """
    command = ["pulumi", "stack", "output", "--json", "--stack", stack]
    try:
        done = subprocess.run(
            [*command, *(["--show-secrets"] if with_secrets else [])],
            capture_output=True,
            text=True,
            timeout=_LIMIT_SECONDS,
            check=True,
        )
    except subprocess.CalledProcessError as error:
        raise NoOutputsError(error.stderr.strip()) from None
    except (OSError, subprocess.SubprocessError) as error:
        raise NoOutputsError(str(error)) from None
    found: Outputs = json.loads(done.stdout)
    return found
