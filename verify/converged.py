"""The stack's last resource: it stands when the network works."""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping
from typing import Any

import pulumi
from pulumi.dynamic import (
    ConfigureRequest,
    CreateResult,
    DiffResult,
    ReadResult,
    Resource,
    ResourceProvider,
    UpdateResult,
)

from config.load import load
from config.plan import Plan, make_plan
from twin.watchdog import watch_engine
from verify import probes
from verify.compare import differences
from verify.expectations import expectations
from verify.model import Expected, Finding

# The engine's property maps are untyped by nature.
Props = dict[str, Any]

_LIMIT_SECONDS = 60.0
_POLL_SECONDS = 0.03
_PROGRESS_SECONDS = 5.0
_MOST_FINDINGS = 30


class NotConvergedError(RuntimeError):
    """The time is up, and the network is not what the plan says. Names what is missing."""

    def __init__(self, findings: list[Finding], waited_seconds: float) -> None:
        listed = [f"  - {finding}" for finding in findings[:_MOST_FINDINGS]]
        if len(findings) > _MOST_FINDINGS:
            listed.append(f"  … and {len(findings) - _MOST_FINDINGS} more")
        title = f"not converged after {waited_seconds:.0f} s:"
        super().__init__("\n".join([title, *listed]))


def wait(stack: str, plan: Plan, limit_seconds: float = _LIMIT_SECONDS) -> float:
    """Wait until every machine has the sessions and routes of the plan. Returns the seconds.

    Raises `NotConvergedError` with what is missing when the limit has passed.
    """
    began = reported = time.monotonic()
    open_machines: dict[str, Expected] = expectations(plan)
    while True:
        findings: list[Finding] = []
        for machine in list(open_machines.values()):
            missing = list(differences(machine, probes.look(stack, machine)))
            findings += missing
            if not missing:
                del open_machines[machine.machine]
        now = time.monotonic()
        if not open_machines:
            return now - began
        if now - began > limit_seconds:
            raise NotConvergedError(findings, now - began)
        if now - reported > _PROGRESS_SECONDS:
            reported = now
            _report(findings, now - began, limit_seconds)
        time.sleep(_POLL_SECONDS)


def _report(findings: list[Finding], waited: float, limit: float) -> None:
    print(
        f"waiting for {len(findings)} sessions and routes, {waited:.0f} of {limit:.0f} s; "
        f"first: {findings[0]}",
        file=sys.stderr,
        flush=True,
    )


class ConvergedProvider(ResourceProvider):
    """Drives the waiting."""

    def configure(self, req: ConfigureRequest) -> None:
        watch_engine()

    def create(self, props: Props) -> CreateResult:
        wait(props["stack"], _plan(props))
        return CreateResult(f"{props['stack']}-converged", _outputs(props))

    def diff(self, _id: str, _olds: Props, _news: Props) -> DiffResult:
        keys = ("stack", "fabric", "machines")
        is_changed = any(_olds.get(key) != _news.get(key) for key in keys)
        return DiffResult(changes=is_changed or bool(_olds.get("missing")))

    def update(self, _id: str, _olds: Props, _news: Props) -> UpdateResult:
        wait(_news["stack"], _plan(_news))
        return UpdateResult(_outputs(_news))

    def read(self, id_: str, props: Props) -> ReadResult:
        missing = [
            str(finding)
            for machine in expectations(_plan(props)).values()
            for finding in differences(machine, probes.look(props["stack"], machine))
        ]
        return ReadResult(id_, {**props, "missing": missing[:_MOST_FINDINGS]})


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
        inputs = {"stack": stack, "fabric": dict(fabric), "machines": dict(machines)}
        super().__init__(ConvergedProvider(), name, inputs, opts)


def _plan(props: Props) -> Plan:
    return make_plan(load(props["fabric"]))


def _outputs(props: Props) -> Props:
    return {**{key: props[key] for key in ("stack", "fabric", "machines")}, "missing": []}
