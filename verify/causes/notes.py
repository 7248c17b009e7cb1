"""What is worth a look, though nothing differs from the plan at the moment."""

from __future__ import annotations

from collections.abc import Iterator

from config.plan import Plan
from verify.causes import bfd, flapping
from verify.causes.evidence import Witness
from verify.model import Check, Finding


def flaps(plan: Plan, witness: Witness) -> Iterator[Finding]:
    """The sessions that are lost again and again, established at the moment or not."""
    for router in plan.routers:
        log = witness.log(router)
        found = flapping.flaps(log.lines, log.now)
        for session in plan.sessions[router.name]:
            if lost := flapping.of(session, found):
                yield Finding(
                    router.name,
                    Check.SESSIONS,
                    f"the session with {session.neighbor_name} ({session.neighbor}) is not stable",
                    str(session.neighbor),
                    causes=(
                        flapping.cause(lost),
                        *bfd.hasty(plan, bfd.sides(plan, witness, session, router.name)),
                    ),
                )
