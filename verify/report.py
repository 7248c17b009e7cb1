"""What a verification found: what was checked on each machine, and what of it is good."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from functools import cached_property

from verify.model import Check, Expected, Finding, Kind

#: What only a machine that answers tells.
_BY_ITS_WORD = frozenset(
    {Check.SESSIONS, Check.BFD, Check.ROUTES, Check.ANNOUNCEMENTS, Check.METRICS}
)


@dataclass(frozen=True)
class Report:
    """What was checked on each machine, how often, and what was found wrong.

    `notes` are worth a look, and no difference from the plan; `not_looked_at` says in words what
    the substrate hides.
    """

    stack: str
    checked: Mapping[str, Mapping[Check, int]]
    pods: frozenset[str]
    findings: tuple[Finding, ...]
    notes: tuple[Finding, ...] = ()
    not_looked_at: tuple[str, ...] = ()

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

        Of a datagram that never arrived, nobody knows the source; of a machine that could not be
        looked at, nobody knows its sessions and what they brought.
        """
        failures = self.failures(machine)
        if failures[Check.ANSWERS] and check in _BY_ITS_WORD:
            return 0
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
            "findings": [_as_json(finding) for finding in self.findings],
            "notes": [_as_json(note) for note in self.notes],
            "not_looked_at": list(self.not_looked_at),
        }


def _as_json(finding: Finding) -> dict[str, object]:
    return {
        "machine": finding.machine,
        "check": finding.check.value,
        "message": finding.message,
        "causes": [asdict(cause) for cause in finding.causes],
    }


def to_see(machines: Iterable[Expected]) -> dict[str, dict[Check, int]]:
    """How many routes and sessions each machine should have, as far as they can be seen."""
    found: dict[str, dict[Check, int]] = {}
    for machine in machines:
        counts = found[machine.machine] = {}
        if machine.routes:
            counts[Check.ROUTES] = len(machine.routes)
        if machine.kind in (Kind.ROUTER, Kind.NODE):
            counts[Check.SESSIONS] = len(machine.sessions)
        if machine.bfd:
            counts[Check.BFD] = len(machine.bfd)
    return found
