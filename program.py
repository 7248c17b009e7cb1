"""The program: settings, plan, artifacts, substrate, outputs."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import cast

import pulumi
from pulumi.runtime.config import get_config, is_config_secret

from config.errors import ConfigurationError, Problem
from config.families import Family, of
from config.load import load
from config.plan import Plan, given_passwords, make_plan
from config.schema import Substrate
from config.settings import Settings
from render import scrape
from render.artifacts import Artifacts, render
from render.readme import readme
from stacks.passwords import Passwords


def main() -> None:
    """Declare the whole stack. Nothing is declared before the configuration has been found good."""
    try:
        settings = read_settings(pulumi.Config())
    except ConfigurationError as error:
        raise pulumi.RunError(str(error)) from None
    plan = make_plan(settings)
    passwords = Passwords("passwords", plan=plan, given=given_passwords(settings)).by_name
    export(settings, plan, build(settings, plan, render(plan), passwords))


def read_settings(stack: pulumi.Config) -> Settings:
    """The stack's configuration. Raises `ConfigurationError` with everything wrong with it."""
    return load(
        fabric=cast("Mapping[str, object] | None", stack.get_object("fabric")),
        passwords=read_passwords(stack),
        libvirt=cast("Mapping[str, object] | None", stack.get_object("libvirt")),
        substrate=stack.get("substrate"),
    )


def read_passwords(stack: pulumi.Config) -> Mapping[str, object] | None:
    """The stack's passwords, which must be secrets of its configuration.

    The plan needs them as they are, and `get_secret_object` gives an Output; they become secrets
    again with the files that they are written to.
    """
    key = stack.full_key("passwords")
    text = get_config(key)
    if text is None:
        return None
    if not is_config_secret(key):
        remedy = "set each by `pulumi config set --secret --path underlay:passwords.peering`"
        raise ConfigurationError(
            [Problem("passwords", None, "stand there for all to read", remedy)]
        )
    return cast("Mapping[str, object]", json.loads(text))


def build(
    settings: Settings,
    plan: Plan,
    artifacts: Artifacts,
    passwords: Mapping[str, pulumi.Output[str]],
) -> Mapping[str, object]:
    """The one fork: the plan on the substrate that the stack names. Returns what only it has.

    Each module is imported by the stacks that need it alone: the providers' SDKs take a while.
    """
    match settings.substrate:
        case Substrate.TWIN:
            from stacks import twin

            return twin.build(settings, plan, artifacts, passwords)
        case Substrate.LIBVIRT:
            from stacks import libvirt

            return libvirt.build(settings, plan, artifacts, passwords)


def of_family(plan: Plan, family: Family) -> dict[str, dict[str, str]]:
    """The outputs that there are in each family of addresses."""
    services = plan.load_balancing.demo
    return {
        "node_ips": {node.name: str(node.lan.ip(family)) for node in plan.nodes},
        "router_ips": {router.name: str(router.lan.ip(family)) for router in plan.routers},
        "pod_cidrs": {node.name: str(of(family, node.pod_cidrs)) for node in plan.nodes},
        "vips": {service.name: str(of(family, service.vips)) for service in services},
        "egress_addresses": {
            gateway.datacentre: str(address)
            for gateway in (plan.egress_gateway.gateways if plan.egress_gateway else ())
            if (address := gateway.address(family))
        },
    }


def export(settings: Settings, plan: Plan, outputs: Mapping[str, object]) -> None:
    """The outputs, of one shape on every substrate, for programs that build on this stack."""
    primary, *others = (of_family(plan, family) for family in plan.families)
    for name, addresses in primary.items():
        pulumi.export(name, addresses)
    for second in others:
        pulumi.export("second_family", second)
    pulumi.export("scrape", scrape.targets(plan, agents="kubeconfig" in outputs))
    pulumi.export("fabric", settings.fabric.model_dump(mode="json", exclude_defaults=True))
    for name, output in outputs.items():
        pulumi.export(name, output)
    pulumi.export("readme", readme(plan, cluster="kubeconfig" in outputs))
