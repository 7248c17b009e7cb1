"""The whole verification: looks at every machine and sums up what is good and what is not."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property

from config.plan import Plan
from verify import probes, reach
from verify.compare import differences
from verify.expectations import expectations
from verify.model import Check, Expected, Finding, Kind


@dataclass(frozen=True)
class Report:
    """What was checked on each machine, how often, and what was found wrong."""

    stack: str
    checked: Mapping[str, Mapping[Check, int]]
    pods: frozenset[str]
    findings: tuple[Finding, ...]

    @property
    def is_good(self) -> bool:
        """Whether everything is as planned."""
        return not self.findings

    def failures(self, machine: str) -> Counter[Check]:
        """How many findings of each kind a machine has."""
        return self._failures.get(machine, Counter())

    @cached_property
    def _failures(self) -> Mapping[str, Counter[Check]]:
        counted: defaultdict[str, Counter[Check]] = defaultdict(Counter)
        for finding in self.findings:
            counted[finding.machine][finding.check] += 1
        return counted

    def good(self, machine: str, check: Check) -> int:
        """How many of the checks of a kind were good. What is not planned counts against them.

        Of a datagram that never arrived, nobody knows the source.
        """
        failures = self.failures(machine)
        bad = failures[check] + (failures[Check.PODS] if check is Check.SOURCE else 0)
        return max(0, self.checked[machine][check] - bad)

    def as_json(self) -> dict[str, object]:
        """As `make verify` prints it with `--json`."""
        return {
            "stack": self.stack,
            "good": self.is_good,
            "machines": {
                machine: {
                    check.value: {"good": self.good(machine, check), "of": count}
                    for check, count in counts.items()
                }
                for machine, counts in self.checked.items()
            },
            "findings": [
                {"machine": f.machine, "check": f.check.value, "message": f.message}
                for f in self.findings
            ],
        }


def verify(stack: str, plan: Plan) -> Report:
    """Look at all machines of the twin and send between all of its pods."""
    expected = expectations(plan)
    found = [
        finding
        for machine in expected.values()
        for finding in differences(machine, probes.look(stack, machine))
    ]
    found += reach.findings(plan, reach.probe(stack, plan))
    return Report(
        stack=stack,
        checked=_checked(plan, expected.values()),
        pods=frozenset(name for name, machine in expected.items() if machine.kind is Kind.POD),
        findings=tuple(found),
    )


def _checked(plan: Plan, expected: Iterable[Expected]) -> dict[str, dict[Check, int]]:
    checked: dict[str, dict[Check, int]] = {}
    for machine in expected:
        checked[machine.machine] = {Check.ROUTES: len(machine.routes)}
        if machine.kind in (Kind.ROUTER, Kind.NODE):
            checked[machine.machine][Check.SESSIONS] = len(machine.sessions)
    everyone = reach.pods(plan)
    by_node: defaultdict[str, int] = defaultdict(int)
    for pod in everyone:
        by_node[pod.node] += 1
    for node, own in by_node.items():
        pairs = own * (len(everyone) - 1)
        checked[node] |= {Check.PODS: pairs, Check.SOURCE: pairs, Check.WAN: own}
    return checked
