"""The twin's last resource."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import pulumi
from pulumi.dynamic import Resource

from twin.providers import TwinProvider
from verify.converged import ConvergedProvider, Props

if TYPE_CHECKING:
    from verify.twin_stack import TwinStack


_LIMIT_SECONDS = 60


class TwinConvergedProvider(TwinProvider, ConvergedProvider):
    """Drives the waiting for a twin."""

    def watched(self, props: Props) -> TwinStack:
        from verify.twin_stack import twin_stack

        return twin_stack(props["stack"], props["fabric"])


class Converged(Resource, module="twin", name="Converged"):
    """Comes up when all sessions and routes of the plan are there; fails with what is missing.

    `fabric` are the settings that the plan was made of; `machines` say when each was last changed,
    so that every change is waited for.
    """

    def __init__(
        self,
        name: str,
        *,
        stack: str,
        fabric: Mapping[str, object],
        machines: Mapping[str, pulumi.Output[str]],
        opts: pulumi.ResourceOptions,
    ) -> None:
        inputs = {
            "stack": stack,
            "fabric": dict(fabric),
            "machines": dict(machines),
            "limit_seconds": _LIMIT_SECONDS,
        }
        super().__init__(TwinConvergedProvider(), name, inputs, opts)
