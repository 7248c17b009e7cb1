"""How times and sizes grow with the number of datacentres."""

from __future__ import annotations

import time
from contextlib import ExitStack
from dataclasses import dataclass

from bench.engine import Stack, workshop
from bench.fabrics import Shape, lacks, require
from bench.memory import daemons_mebibytes
from bench.process import Taken
from bench.samples import alternate, spread
from bench.section import Options, Section

_NODES = 2
_DATACENTRES = (2, 4, 8, 16, 32)
_QUICK_LIMIT = 8
_SETTLE_SECONDS = 1.5

_COLUMNS = (
    *("datacentres × nodes", "machines", "up", "CPU s of pulumi", "up without a change"),
    *("destroy", "memory per machine", "state"),
)


@dataclass(frozen=True, slots=True)
class Round:
    """One life of a stack."""

    up: Taken
    again: Taken
    destroy: Taken
    mebibytes: float
    state_bytes: int


def run(options: Options) -> Section:
    """Measure all sizes in turn, as often as asked."""
    sizes = [n for n in _DATACENTRES if not options.quick or n <= _QUICK_LIMIT]
    shapes = [Shape(number, _NODES) for number in sizes]
    require(shapes[0])
    left_out = {shape: "; ".join(why) for shape in shapes if (why := lacks(shape))}
    shapes = [shape for shape in shapes if shape not in left_out]
    with workshop() as shop, ExitStack() as standing:
        stacks = {s: standing.enter_context(shop.twin(s.fabric())) for s in shapes}
        found = alternate(
            options.runs,
            stacks,
            lambda shape: _life(stacks[shape]),
            lambda run, shape, life: options.say(f"growth: {shape} {run}: {life.up.wall:.2f} s"),
        )
    return Section(
        title="Growth, in seconds",
        columns=_COLUMNS,
        rows=tuple(_row(shape, lives) for shape, lives in found.items()),
        notes=(
            "Memory is the proportional set size of BIRD and GoBGP over routers and nodes.",
            *(f"{shape} was left out: {why}" for shape, why in left_out.items()),
        ),
        data={str(shape): _values(lives) for shape, lives in found.items()},
    )


def _life(stack: Stack) -> Round:
    time.sleep(_SETTLE_SECONDS)
    up = stack.up()
    memory, size = daemons_mebibytes(stack.name), stack.state_bytes()
    return Round(up, stack.up(), stack.destroy(), memory, size)


def _row(shape: Shape, lives: list[Round]) -> tuple[str, ...]:
    memory = spread(lives, lambda life: life.mebibytes / shape.machines)
    return (
        str(shape),
        str(shape.machines),
        spread(lives, lambda life: life.up.wall).text(),
        spread(lives, lambda life: life.up.cpu).text(),
        spread(lives, lambda life: life.again.wall).text(),
        spread(lives, lambda life: life.destroy.wall).text(),
        f"{memory.median:.1f} MiB",
        f"{lives[-1].state_bytes / 1024:.0f} KiB",
    )


def _values(lives: list[Round]) -> dict[str, object]:
    return {
        "up": [life.up.wall for life in lives],
        "up_cpu_seconds": [life.up.cpu for life in lives],
        "up_without_a_change": [life.again.wall for life in lives],
        "destroy": [life.destroy.wall for life in lives],
        "daemons_mebibytes": [life.mebibytes for life in lives],
        "state_bytes": lives[-1].state_bytes,
    }
