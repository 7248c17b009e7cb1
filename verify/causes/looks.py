"""One verification's closer looks: nothing is looked at twice."""

from __future__ import annotations

from dataclasses import dataclass, field

from config.machines import Node, Router
from config.plan import Plan
from verify.causes.evidence import Told, Witness, World


@dataclass(frozen=True)
class Looks:
    """What a witness has shown of a plan's machines so far."""

    plan: Plan
    witness: Witness
    _told: dict[str, Told] = field(default_factory=dict)
    _worlds: dict[str, World | None] = field(default_factory=dict)

    def told_by(self, router: Router) -> Told:
        """What its BIRD says of its routes."""
        if router.name not in self._told:
            self._told[router.name] = self.witness.told(router)
        return self._told[router.name]

    def world(self, node: Node) -> World | None:
        """The cluster as the node sees it; None where it cannot be asked."""
        if node.name not in self._worlds:
            self._worlds[node.name] = self.witness.world(node)
        return self._worlds[node.name]

    def addresses(self, node: Node) -> frozenset[str] | None:
        """Those of the node's interfaces; None where they cannot be seen."""
        end = self.witness.end(self.plan.sessions[node.name][0], node.name)
        return end.addresses if end else None
