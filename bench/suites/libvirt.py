"""`pulumi preview` of stacks on libvirt: beside an empty program, and as they grow."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from bench.engine import Stack, workshop
from bench.process import Taken
from bench.samples import Spread, alternate, ratios, spread
from bench.section import BenchError, Options, Section

_GOAL = "≤ 2×"
_DATACENTRES = (4, 16, 48)
_QUICK_LIMIT = 16

#: `Pulumi.dev.yaml`: a control plane here, a worker there.
_DEV = [{"nodes": {"controlplanes": 1}}, {"nodes": {"workers": 1}}]

_COLUMNS = (
    *("", "resources", "seconds", "CPU seconds", "seconds ÷ empty", "CPU seconds ÷ empty"),
    *("goal", "CPU seconds per 100 more"),
)


@dataclass(frozen=True, slots=True)
class Side:
    """A stack, and how many resources its preview says it would create."""

    stack: Stack
    resources: int


def run(options: Options) -> Section:
    """Measure an empty program, `dev`, its routers alone, and ever more datacentres in turn."""
    counts = [n for n in _DATACENTRES if not options.quick or n <= _QUICK_LIMIT]
    wanted: dict[str, Mapping[str, object]] = {
        "dev, routers alone": configuration(_DEV, cluster=False),
        "dev": configuration(_DEV),
        **{f"{count} datacentres × 2 nodes": configuration(count) for count in counts},
    }
    with workshop() as shop:
        options.say("libvirt: once for warming up, which may build libvirt's plugin")
        sides = {"empty": warm(shop.empty())}
        sides |= {name: warm(shop.libvirt(config)) for name, config in wanted.items()}
        found = alternate(
            options.runs,
            sides,
            lambda name: sides[name].stack.preview(),
            lambda run, name, taken: options.say(f"libvirt: {name} {run}: {taken.wall:.2f} s"),
        )
    resources = {name: side.resources for name, side in sides.items()}
    return Section(
        title="pulumi preview on libvirt, nothing deployed yet",
        columns=_COLUMNS,
        rows=tuple(row(name, resources, found) for name in sides),
        notes=(
            "Libvirt's plugin is the real one. Those of Talos and Kubernetes are stand-ins in "
            "Python, which routers alone do not start.",
            "The last column compares with the row above that has a cluster: linear growth is the "
            "same figure in each row.",
        ),
        data={
            name: {
                "resources": resources[name],
                "seconds": [t.wall for t in taken],
                "cpu_seconds": [t.cpu for t in taken],
            }
            for name, taken in found.items()
        },
    )


def configuration(datacentres: object, *, cluster: bool = True) -> dict[str, object]:
    """What the stack's file would say, with all else as `Pulumi.dev.yaml` has it."""
    return {
        "underlay:substrate": "libvirt",
        "underlay:fabric": {"datacentres": datacentres},
        "underlay:libvirt": {"cluster": cluster},
        "pulumi:disable-default-providers": ["libvirt", "kubernetes", "talos"],
    }


def warm(stack: Stack) -> Side:
    """Preview once. Raises `BenchError` if it does not say how much it would create."""
    stack.preview()
    said = re.search(r"\+ (\d+) to create", stack.said())
    if said is None:
        raise BenchError(f"a preview does not say what it would create:\n{stack.said()}")
    return Side(stack, int(said[1]))


def row(
    name: str, resources: Mapping[str, int], found: Mapping[str, list[Taken]]
) -> tuple[str, ...]:
    """One stack's row. `resources` has all stacks, each larger than those before it."""
    wall, cpu = (_spreads(found, name, what) for what in ("wall", "cpu"))
    empty_wall, empty_cpu = (_spreads(found, "empty", what) for what in ("wall", "cpu"))
    is_empty = name == "empty"
    return (
        "an empty program" if is_empty else name,
        str(resources[name]),
        wall.text(),
        cpu.text(),
        "" if is_empty else ratios(wall, empty_wall).text("×"),
        "" if is_empty else ratios(cpu, empty_cpu).text("×"),
        _GOAL if name.startswith("dev") else "",
        _growth(name, resources, found),
    )


def _growth(name: str, resources: Mapping[str, int], found: Mapping[str, list[Taken]]) -> str:
    """What each hundred resources more cost, against the next smaller stack with a cluster."""
    clusters = [other for other in resources if other not in ("empty", "dev, routers alone")]
    position = clusters.index(name) if name in clusters else 0
    if position == 0:
        return ""
    smaller = clusters[position - 1]
    hundreds = (resources[name] - resources[smaller]) / 100
    more, less = (_spreads(found, other, "cpu").values for other in (name, smaller))
    each = zip(more, less, strict=True)
    return Spread(tuple((larger - small) / hundreds for larger, small in each)).text()


def _spreads(found: Mapping[str, list[Taken]], name: str, what: str) -> Spread:
    return spread(found[name], lambda taken: taken.wall if what == "wall" else taken.cpu)
