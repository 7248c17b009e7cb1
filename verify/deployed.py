"""A stack as it was deployed: its settings and the ways to its machines, from its outputs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from engine.outputs import NoOutputsError, outputs

if TYPE_CHECKING:
    from verify.libvirt_stack import LibvirtStack
    from verify.twin_stack import TwinStack


class NotDeployedError(RuntimeError):
    """The stack is not there, or its outputs cannot be read. Says what to do."""


def deployed(stack: str) -> TwinStack | LibvirtStack:
    """The stack, ready to be looked at. Raises `NotDeployedError`.

    Secrets are asked for only where there are any, since they may take a passphrase.
    """
    remedy = f"`make up STACK={stack}`"
    try:
        found = outputs(stack)
    except NoOutputsError as error:
        message = f"no settings of a deployed stack {stack} ({error}): {remedy}"
        raise NotDeployedError(message) from None
    if "fabric" not in found:
        raise NotDeployedError(f"the stack {stack} has no settings in its outputs yet: {remedy}")
    if "libvirt" not in found:
        from verify.twin_stack import twin_stack

        return twin_stack(stack, found["fabric"])
    from verify.libvirt_stack import libvirt_stack

    try:
        secret = outputs(stack, with_secrets=True)
    except NoOutputsError as error:
        message = f"the secrets of the stack {stack} cannot be read: {error}"
        raise NotDeployedError(message) from None
    return libvirt_stack(
        stack,
        fabric=secret["fabric"],
        libvirt=secret["libvirt"],
        host_keys=secret["host_keys"],
        management_key=secret["management_key"],
        kubeconfig=secret.get("kubeconfig"),
    )
