"""How long it takes to look at every machine and to send from every pod to every pod."""

from __future__ import annotations

import time

from bench.engine import workshop
from bench.fabrics import LARGE, SMALL, Shape, require
from bench.process import Taken
from bench.samples import alternate, spread
from bench.section import BenchError, Options, Section
from config.plan import Plan
from verify.twin_stack import TwinStack


def run(options: Options) -> Section:
    """Measure."""
    shapes = (SMALL,) if options.quick else (SMALL, LARGE)
    require(*shapes)
    rows: list[tuple[str, ...]] = []
    data: dict[str, object] = {}
    for shape in shapes:
        found = _measure(shape, options)
        alone, command = (
            spread(found[name], lambda t: t.wall) for name in ("check", "python -m verify")
        )
        pods = shape.datacentres * shape.nodes
        rows.append((str(shape), f"{pods * (pods - 1)}", alone.text(), command.text()))
        data[str(shape)] = {"check": alone.values, "command": command.values}
    return Section(
        title="Verification of a converged network, in seconds",
        columns=("datacentres × nodes", "pairs of pods", "the checks", "python -m verify"),
        rows=tuple(rows),
        notes=("The command asks the engine for the stack's settings before it looks.",),
        data=data,
    )


def _measure(shape: Shape, options: Options) -> dict[str, list[Taken]]:
    plan = shape.plan()
    with workshop() as shop, shop.twin(shape.fabric()) as stack:
        options.say(f"verify: bringing up {shape}")
        stack.up()
        found = alternate(
            options.runs,
            ("check", "python -m verify"),
            lambda name: _check(stack.name, plan) if name == "check" else stack.verify(),
            lambda run, name, t: options.say(f"verify: {shape}, {name} {run}: {t.wall:.2f} s"),
        )
        stack.destroy()
    return found


def _check(stack: str, plan: Plan) -> Taken:
    before, began = time.process_time(), time.perf_counter()
    report = TwinStack(stack, plan).report()
    taken = Taken(time.perf_counter() - began, time.process_time() - before)
    if not report.is_good:
        raise BenchError(f"the network is not as planned: {report.findings[0]}")
    return taken
