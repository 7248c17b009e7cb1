"""Waits until the network does what the plan says."""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping
from dataclasses import replace

from config.load import load
from config.plan import Plan, make_plan
from verify import probes
from verify.compare import differences
from verify.expectations import expectations
from verify.model import Expected, Finding, Kind

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
    """Wait until every router and node has its sessions and routes. Returns the seconds.

    Raises `NotConvergedError` with what is missing when the limit has passed.
    """
    began = reported = time.monotonic()
    open_machines = speakers(plan)
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


def speakers(plan: Plan) -> dict[str, Expected]:
    """The machines to wait for: nodes first, whose routes are there soonest, then routers.

    Each session of a node is a router's as well, and is looked at there. Pods and the WAN's host
    have only routes that were set when they were made.
    """
    expected = expectations(plan)
    nodes = {n: replace(m, sessions={}) for n, m in expected.items() if m.kind is Kind.NODE}
    return nodes | {n: m for n, m in expected.items() if m.kind is Kind.ROUTER}


def missing(stack: str, plan: Plan) -> list[str]:
    """What is not as planned at this moment, as far as a reader wants to know."""
    found = [
        str(finding)
        for machine in speakers(plan).values()
        for finding in differences(machine, probes.look(stack, machine))
    ]
    return found[:_MOST_FINDINGS]


def plan_of(fabric: Mapping[str, object]) -> Plan:
    """The plan of settings that have been deployed."""
    return make_plan(load(fabric))


def _report(findings: list[Finding], waited: float, limit: float) -> None:
    print(
        f"waiting for {len(findings)} sessions and routes, {waited:.0f} of {limit:.0f} s; "
        f"first: {findings[0]}",
        file=sys.stderr,
        flush=True,
    )
