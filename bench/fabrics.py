"""The fabrics that are measured."""

from __future__ import annotations

from dataclasses import dataclass

from bench.section import BenchError
from config.load import load
from config.plan import Plan, make_plan
from twin import preflight


@dataclass(frozen=True, slots=True)
class Shape:
    """So many datacentres with so many nodes each, one router and one pod a node."""

    datacentres: int
    nodes: int

    def __str__(self) -> str:
        return f"{self.datacentres}×{self.nodes}"

    @property
    def machines(self) -> int:
        """Routers and nodes."""
        return self.datacentres * (1 + self.nodes)

    def fabric(self) -> dict[str, object]:
        """What the stack's configuration says."""
        return {"datacentres": [{"nodes": self.nodes} for _ in range(self.datacentres)]}

    def plan(self) -> Plan:
        """The plan of it."""
        return make_plan(load(self.fabric()))


SMALL = Shape(2, 2)
LARGE = Shape(16, 4)


def lacks(shape: Shape, stack: str = "bench") -> list[str]:
    """Why this machine cannot carry the twin of it. Empty if it can."""
    return preflight.findings(shape.plan(), stack, preflight.inspect())


def require(*shapes: Shape) -> None:
    """Raise `BenchError` with everything that this machine lacks."""
    for shape in shapes:
        if found := lacks(shape):
            raise BenchError(f"{shape}: {preflight.complaint(found)}")
