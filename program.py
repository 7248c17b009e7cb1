"""The program: settings, plan, artifacts, substrate, outputs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import cast

import pulumi

from config.errors import ConfigurationError
from config.load import load
from config.plan import Plan, make_plan
from config.schema import Settings
from render.artifacts import Artifacts, render
from twin import preflight
from twin.twin import Twin, TwinArgs
from verify.converged import Converged


def main() -> None:
    """Declare the whole stack. Nothing is declared before the configuration has been found good."""
    try:
        settings = read_settings(pulumi.Config())
    except ConfigurationError as error:
        raise pulumi.RunError(str(error)) from None
    plan = make_plan(settings)
    build_twin(settings, plan, render(plan))
    export(settings, plan)


def read_settings(stack: pulumi.Config) -> Settings:
    """The stack's configuration. Raises `ConfigurationError` with everything wrong with it."""
    return load(
        fabric=cast("Mapping[str, object] | None", stack.get_object("fabric")),
        passwords=cast("Mapping[str, object] | None", stack.get_object("passwords")),
    )


def build_twin(settings: Settings, plan: Plan, artifacts: Artifacts) -> None:
    """The plan as namespaces on this machine, up to the point where it routes."""
    stack = pulumi.get_stack()
    if lacks := preflight.findings(plan, stack, preflight.inspect()):
        complaint = preflight.complaint(lacks)
        if not pulumi.runtime.is_dry_run():
            raise pulumi.RunError(complaint)
        pulumi.log.warn(complaint)
    twin = Twin("twin", args=TwinArgs(stack=stack, plan=plan, artifacts=artifacts))
    Converged(
        "converged",
        stack=stack,
        fabric=settings.fabric.model_dump(mode="json", exclude_defaults=True),
        machines={name: machine.built_at for name, machine in twin.machines.items()},
        opts=pulumi.ResourceOptions(parent=twin),
    )


def export(settings: Settings, plan: Plan) -> None:
    """The outputs, of one shape on every substrate, for programs that build on this stack."""
    pulumi.export("node_ips", {node.name: str(node.lan.address.ip) for node in plan.nodes})
    pulumi.export("router_ips", {router.name: str(router.router_id) for router in plan.routers})
    pulumi.export("pod_cidrs", {node.name: str(node.pod_cidr) for node in plan.nodes})
    pulumi.export("vips", {})
    pulumi.export("fabric", settings.fabric.model_dump(mode="json", exclude_defaults=True))
