"""A twin as one can look at it: every machine's own word, and datagrams between all pods."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import ClassVar

from config.load import load
from config.plan import Plan, make_plan
from verify import announcements, metrics, probes, reach, strangers, vips
from verify.causes.explain import explained
from verify.causes.notes import flaps
from verify.causes.twin_witness import TwinWitness
from verify.compare import all_differences
from verify.expectations import expectations
from verify.model import Expected, Finding, Kind, Sight
from verify.report import Report, to_see


@dataclass(frozen=True, slots=True)
class TwinStack:
    """A stack of namespaces on this machine."""

    name: str
    plan: Plan
    poll_seconds: ClassVar[float] = 0.03

    def speakers(self) -> dict[str, Expected]:
        """The machines to wait for: nodes first, whose routes are there soonest, then routers.

        Each session of a node is a router's as well, and is looked at there. Pods and the WAN's
        host have only routes that were set when they were made.
        """
        expected = expectations(self.plan)
        nodes = {n: replace(m, sessions={}) for n, m in expected.items() if m.kind is Kind.NODE}
        return nodes | {n: m for n, m in expected.items() if m.kind is Kind.ROUTER}

    def look(self, machines: Iterable[Expected]) -> dict[str, Sight]:
        """What is to be seen on these machines now. One that is gone shows nothing."""
        return {machine.machine: probes.look(self.name, machine) for machine in machines}

    def remaining(self) -> list[Finding]:
        """Services that do not answer yet: nodes announce before all others can send there."""
        return list(vips.findings(self.plan, vips.ask(self.name, self.plan, rounds=1)))

    def report(self) -> Report:
        """Look at all machines, send between all pods, and ask all services."""
        expected = expectations(self.plan)
        findings = list(all_differences(expected.values(), self.look(expected.values())))
        findings += announcements.findings(self.plan, probes.ask_routers(self.name, self.plan))
        findings += reach.findings(self.plan, reach.probe(self.name, self.plan))
        findings += vips.findings(self.plan, vips.ask(self.name, self.plan))
        findings += metrics.findings(self.plan, probes.scrape_routers(self.name, self.plan))
        checked = to_see(expected.values())
        for of in (announcements.checks, reach.counts, vips.counts, metrics.counts):
            for machine, counts in of(self.plan).items():
                checked[machine] |= counts
        witness = TwinWitness(self.name, self.plan)
        return Report(
            stack=self.name,
            checked=checked,
            pods=frozenset(name for name, machine in expected.items() if machine.kind is Kind.POD),
            findings=explained(self.plan, findings, witness),
            notes=(
                *strangers.notes(self.name, self.plan),
                *flaps(self.plan, witness),
            ),
        )


def twin_stack(name: str, fabric: Mapping[str, object]) -> TwinStack:
    """A twin by the settings that it was deployed with."""
    return TwinStack(name, make_plan(load(fabric)))
