"""A stack as it was deployed: its settings and the ways to its machines, from its outputs."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from verify.libvirt_stack import LibvirtStack
    from verify.twin_stack import TwinStack

# Outputs are untyped by nature.
Outputs = Mapping[str, Any]

_LIMIT_SECONDS = 60
_SECRETS = "--show-secrets"


class NotDeployedError(RuntimeError):
    """The stack is not there, or its outputs cannot be read. Says what to do."""


def deployed(stack: str) -> TwinStack | LibvirtStack:
    """The stack, ready to be looked at. Raises `NotDeployedError`.

    Secrets are asked for only where there are any, since they may take a passphrase.
    """
    remedy = f"`make up STACK={stack}`"
    outputs = _outputs(stack, f"no settings of a deployed stack {stack} ({{}}): {remedy}")
    if "fabric" not in outputs:
        raise NotDeployedError(f"the stack {stack} has no settings in its outputs yet: {remedy}")
    if "libvirt" not in outputs:
        from verify.twin_stack import twin_stack

        return twin_stack(stack, outputs["fabric"])
    from verify.libvirt_stack import libvirt_stack

    secret = _outputs(stack, f"the secrets of the stack {stack} cannot be read: {{}}", _SECRETS)
    return libvirt_stack(
        stack,
        fabric=secret["fabric"],
        libvirt=secret["libvirt"],
        host_keys=secret["host_keys"],
        management_key=secret["management_key"],
        kubeconfig=secret.get("kubeconfig"),
    )


def _outputs(stack: str, complaint: str, *options: str) -> Outputs:
    """The outputs, by a pipe: secrets are on no command line and in no file."""
    command = ["pulumi", "stack", "output", "--json", "--stack", stack, *options]
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=_LIMIT_SECONDS, check=True
        )
    except subprocess.CalledProcessError as error:
        raise NotDeployedError(complaint.format(error.stderr.strip())) from None
    except (OSError, subprocess.SubprocessError) as error:
        raise NotDeployedError(complaint.format(error)) from None
    found: Outputs = json.loads(done.stdout)
    return found
