"""What a finding is about, as the plan has it."""

from __future__ import annotations

from config.machines import Node, Router
from config.plan import Plan
from config.sessions import Session


def session(plan: Plan, machine: str, neighbor: str) -> Session | None:
    """The machine's session with whoever has this address."""
    of_machine = plan.sessions.get(machine, ())
    return next((item for item in of_machine if str(item.neighbor) == neighbor), None)


def back(plan: Plan, of: Session) -> Session:
    """The same session as the neighbor has it."""
    theirs = plan.sessions[of.neighbor_name]
    return next(item for item in theirs if item.neighbor == of.local_address)


def router(plan: Plan, name: str) -> Router | None:
    """The router of this name."""
    return next((item for item in plan.routers if item.name == name), None)


def node(plan: Plan, name: str) -> Node | None:
    """The node of this name."""
    return next((item for item in plan.nodes if item.name == name), None)
