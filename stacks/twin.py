"""The plan as namespaces on this machine, up to the point where it routes."""

from __future__ import annotations

from collections.abc import Mapping

import pulumi

from config.plan import Plan
from config.settings import Settings
from render.artifacts import Artifacts
from twin import preflight
from twin.twin import Twin, TwinArgs
from verify.twin_converged import Converged

_NAME = "twin"


def build(
    settings: Settings,
    plan: Plan,
    artifacts: Artifacts,
    passwords: Mapping[str, pulumi.Output[str]],
) -> Mapping[str, object]:
    """Declare the twin. It has no outputs of its own."""
    stack = pulumi.get_stack()
    if lacks := preflight.findings(plan, stack, preflight.inspect()):
        complaint = preflight.complaint(lacks)
        if not pulumi.runtime.is_dry_run():
            raise pulumi.RunError(complaint)
        pulumi.log.warn(complaint)
    twin = Twin(_NAME, args=TwinArgs(stack, plan, artifacts, passwords))
    Converged(
        f"{_NAME}-converged",
        stack=stack,
        fabric=settings.fabric.model_dump(mode="json", exclude_defaults=True),
        machines={name: machine.built_at for name, machine in twin.machines.items()},
        opts=pulumi.ResourceOptions(parent=twin),
    )
    return {}
