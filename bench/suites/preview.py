"""`pulumi preview` of the twin beside that of a program without a line."""

from __future__ import annotations

from bench.engine import workshop
from bench.fabrics import SMALL, require
from bench.process import Taken
from bench.samples import alternate, ratios, spread
from bench.section import Options, Section

_GOAL = "≤ 1.5×"


def run(options: Options) -> Section:
    """Measure."""
    require(SMALL)
    with workshop() as shop, shop.twin(SMALL.fabric()) as twin:
        empty = shop.empty()
        options.say("preview: once for warming up")
        empty.preview()
        twin.preview()
        found = alternate(
            options.runs,
            ("empty", "twin"),
            lambda name: (empty if name == "empty" else twin).preview(),
            lambda run, name, taken: options.say(f"preview: {name} {run}: {taken.wall:.2f} s"),
        )
    return _section(found)


def _section(found: dict[str, list[Taken]]) -> Section:
    clock = {name: spread(taken, lambda t: t.wall) for name, taken in found.items()}
    cpu = {name: spread(taken, lambda t: t.cpu) for name, taken in found.items()}
    by_clock = ratios(clock["twin"], clock["empty"])
    by_cpu = ratios(cpu["twin"], cpu["empty"])
    return Section(
        title="pulumi preview, nothing deployed yet",
        columns=("", "an empty program", f"the twin, {SMALL}", "twin ÷ empty", "goal"),
        rows=(
            ("seconds", clock["empty"].text(), clock["twin"].text(), by_clock.text("×"), _GOAL),
            ("CPU seconds", cpu["empty"].text(), cpu["twin"].text(), by_cpu.text("×"), ""),
        ),
        data={
            "empty": {"seconds": clock["empty"].values, "cpu_seconds": cpu["empty"].values},
            "twin": {"seconds": clock["twin"].values, "cpu_seconds": cpu["twin"].values},
            "ratio": by_clock.values,
        },
    )
