"""What this machine lacks for a twin: the same that `up` looks at."""

from __future__ import annotations

import os
from collections.abc import Iterator

from config.plan import Plan
from doctor.checks import engine
from doctor.finding import Check, Finding
from twin import preflight


def checks(plan: Plan, stack: str) -> Iterator[Check]:
    """The engine, and the twin's own preflight."""
    yield engine.check_engine(os.environ.get("PATH", os.defpath))
    found = preflight.findings(plan, stack, preflight.inspect())
    machines = len(plan.routers) + len(plan.nodes)
    yield Check.of("this machine", f"{machines} machines", map(Finding, found))
