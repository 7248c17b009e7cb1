"""CPU seconds of planning and rendering: pure functions, so no machine is needed."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import dataclass

from bench.engine import CHECKOUT
from bench.fabrics import Shape
from bench.samples import Spread, alternate, ratios, spread
from bench.section import BenchError, Options, Section

_NODES = 16
_DATACENTRES = (8, 16, 32, 64)
_QUICK_LIMIT = 16
_GOALS = {64: "≤ 2 s"}
_LIMIT_SECONDS = 120


@dataclass(frozen=True, slots=True)
class Taken:
    """CPU seconds from the settings to the plan, and from there to the artifacts."""

    plan: float
    render: float

    @property
    def total(self) -> float:
        """Both."""
        return self.plan + self.render


def run(options: Options) -> Section:
    """Measure all sizes in turn, as often as asked."""
    sizes = [number for number in _DATACENTRES if not options.quick or number <= _QUICK_LIMIT]
    found = alternate(
        options.runs,
        (Shape(number, _NODES) for number in sizes),
        _measure,
        lambda run, shape, taken: options.say(f"plan: {shape} {run}: {taken.total:.2f} CPU s"),
    )
    first = next(iter(found))
    base = spread(found[first], lambda taken: taken.total / first.machines)
    rows = []
    for shape, taken in found.items():
        total = spread(taken, lambda t: t.total)
        each = Spread(tuple(value / shape.machines for value in total.values))
        rows.append(
            (
                str(shape),
                total.text(),
                spread(taken, lambda t: t.plan).text(),
                spread(taken, lambda t: t.render).text(),
                ratios(each, base).text("×"),
                _GOALS.get(shape.datacentres, ""),
            )
        )
    return Section(
        title="Planning and rendering, in CPU seconds",
        columns=(
            *("datacentres × nodes", "together", "plan", "render"),
            *(f"per machine, to that of {first}", "goal"),
        ),
        rows=tuple(rows),
        notes=("1.00× per machine is linear growth. Templates are compiled in the first render.",),
        data={
            str(shape): {"plan": [t.plan for t in taken], "render": [t.render for t in taken]}
            for shape, taken in found.items()
        },
    )


def _measure(shape: Shape) -> Taken:
    command = [
        *(sys.executable, "-m", "bench.planning"),
        *(str(shape.datacentres), str(shape.nodes)),
    ]
    done = subprocess.run(
        command, cwd=CHECKOUT, capture_output=True, text=True, timeout=_LIMIT_SECONDS
    )
    if done.returncode != 0:
        raise BenchError(f"planning {shape} failed: {done.stderr.strip()}")
    return Taken(**json.loads(done.stdout))
