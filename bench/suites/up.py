"""From the start of `pulumi up` to a converged network, beside the floor."""

from __future__ import annotations

import time

from bench import floor
from bench.engine import Stack, workshop
from bench.fabrics import LARGE, SMALL, Shape, require
from bench.process import Taken
from bench.samples import alternate, differences, spread
from bench.section import Options, Section
from bench.topology import Topology, topology

_GOALS = {SMALL: "floor + 1.5 s", LARGE: "3.9 s in all"}

#: Measured elsewhere, once: docs/benchmarks.md.
_MININET = {SMALL: "1.15", LARGE: "3.91"}

#: For some time after a large teardown the kernel is still cleaning up, and is slower.
_SETTLE_SECONDS = 1.5

_COLUMNS = (
    *("datacentres × nodes", "floor", "pulumi up", "up − floor", "goal"),
    *("CPU s of pulumi", "Mininet, elsewhere"),
)


def run(options: Options) -> Section:
    """Measure."""
    shapes = (SMALL,) if options.quick else (SMALL, LARGE)
    require(*shapes)
    rows: list[tuple[str, ...]] = []
    data: dict[str, object] = {}
    for shape in shapes:
        row, values = _measure(shape, options)
        rows.append(row)
        data[str(shape)] = values
    return Section(
        title="From the start of `pulumi up` to converged, in seconds",
        columns=_COLUMNS,
        rows=tuple(rows),
        notes=(
            "The floor builds the same machines, files and daemons by raw netlink without an "
            "engine, less the firewall's rules; BIRD's connect delay is a second of it.",
            "Mininet's figures were not taken in this run: they are quoted from an earlier "
            "measurement of the same topologies.",
        ),
        data=data,
    )


def _measure(shape: Shape, options: Options) -> tuple[tuple[str, ...], dict[str, object]]:
    wanted = topology(shape.plan())
    with workshop() as shop, shop.twin(shape.fabric()) as stack:
        options.say(f"up: {shape}, once for warming up")
        _up_and_down(stack)
        found = alternate(
            options.runs,
            ("floor", "pulumi up"),
            lambda name: _floor(wanted) if name == "floor" else _up_and_down(stack),
            lambda run, name, taken: options.say(f"up: {shape}, {name} {run}: {taken.wall:.2f} s"),
        )
    at_floor, up = (spread(found[name], lambda t: t.wall) for name in ("floor", "pulumi up"))
    cpu = spread(found["pulumi up"], lambda t: t.cpu)
    over = differences(up, at_floor)
    cells = (at_floor.text(), up.text(), over.text(), _GOALS[shape], cpu.text(), _MININET[shape])
    return (str(shape), *cells), {
        "floor": at_floor.values,
        "up": up.values,
        "over_floor": over.values,
        "up_cpu_seconds": cpu.values,
    }


def _floor(wanted: Topology) -> Taken:
    time.sleep(_SETTLE_SECONDS)
    before = time.process_time()
    return Taken(floor.measure(wanted).converged, time.process_time() - before)


def _up_and_down(stack: Stack) -> Taken:
    time.sleep(_SETTLE_SECONDS)
    taken = stack.up()
    stack.destroy()
    return taken
