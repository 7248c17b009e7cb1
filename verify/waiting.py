"""Waits until the network does what the plan says."""

from __future__ import annotations

import sys
import time

from verify.compare import all_differences
from verify.model import Finding, Watched

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


def wait(stack: Watched, limit_seconds: float) -> float:
    """Wait for the sessions and routes of all that speak BGP, then for all else that must hold.

    Returns the seconds. Who is as planned is not looked at again. Raises `NotConvergedError` with
    what is missing when the limit has passed.
    """
    began = reported = time.monotonic()
    open_machines = stack.speakers()
    while True:
        seen = stack.look(open_machines.values())
        findings = list(all_differences(open_machines.values(), seen))
        still_open = {finding.machine for finding in findings}
        open_machines = {name: open_machines[name] for name in open_machines if name in still_open}
        if not open_machines:
            findings = stack.remaining()
        now = time.monotonic()
        if not findings:
            return now - began
        if now - began > limit_seconds:
            raise NotConvergedError(findings, now - began)
        if now - reported > _PROGRESS_SECONDS:
            reported = now
            _report(findings, now - began, limit_seconds)
        time.sleep(stack.poll_seconds)


def missing(stack: Watched) -> list[str]:
    """What is not as planned at this moment, as far as a reader wants to know."""
    machines = stack.speakers().values()
    found = [str(finding) for finding in all_differences(machines, stack.look(machines))]
    return found[:_MOST_FINDINGS]


def _report(findings: list[Finding], waited: float, limit: float) -> None:
    print(
        f"waiting for {len(findings)} sessions and routes, {waited:.0f} of {limit:.0f} s; "
        f"first: {findings[0]}",
        file=sys.stderr,
        flush=True,
    )
