"""What libvirt makes for two routers: by `pulumi up`, and by a script of virsh's."""

from __future__ import annotations

from bench.libvirt import inside, pulumi, standing
from bench.process import Taken
from bench.samples import alternate, differences, spread
from bench.section import Options, Section
from bench.virsh import Objects, taken_down
from tests.real_libvirt.lab import Lab

_GOAL = "script + 2 s"
_SIDES = ("script", "pulumi up")

#: All but what needs the routers to have booted.
_UP = (
    *("up", "--yes", "--skip-preview"),
    *("--exclude", "**:RouterFiles::**", "--exclude-dependents"),
)
_DOWN = ("destroy", "--yes", "--skip-preview")


def run(options: Options) -> Section:
    """Measure."""
    with standing() as lab:
        options.say("libvirt-up: once for warming up")
        pulumi(lab, *_UP)
        folder = lab.stack.folder / "objects"
        folder.mkdir()
        objects = taken_down(lab.machines, lab.stack.folder / "cache", folder)
        pulumi(lab, *_DOWN)
        found = alternate(
            options.runs,
            _SIDES,
            lambda side: _script(lab, objects) if side == "script" else _up(lab),
            lambda run, side, taken: options.say(f"libvirt-up: {side} {run}: {taken.wall:.2f} s"),
        )
    script, up = (spread(found[side], lambda t: t.wall) for side in _SIDES)
    script_cpu, up_cpu = (spread(found[side], lambda t: t.cpu) for side in _SIDES)
    over = differences(up, script)
    count = sum(map(len, (objects.networks, objects.pools, objects.volumes, objects.domains)))
    return Section(
        title="Two routers on libvirt until both are started, in seconds",
        columns=("", "script of virsh's", "pulumi up", "up − script", "goal"),
        rows=(
            (f"{count} objects", script.text(), up.text(), over.text(), _GOAL),
            (
                "CPU seconds",
                script_cpu.text(),
                up_cpu.text(),
                differences(up_cpu, script_cpu).text(),
                "",
            ),
        ),
        notes=(
            "`pulumi up` also makes the keys and writes day 0 into each root; the script is given "
            "these images. Neither waits for the routers to boot.",
        ),
        data={
            "script": script.values,
            "up": up.values,
            "over": over.values,
            "script_cpu_seconds": script_cpu.values,
            "up_cpu_seconds": up_cpu.values,
        },
    )


def _script(lab: Lab, objects: Objects) -> Taken:
    taken = inside(lab, objects.make())
    inside(lab, objects.remove())
    return taken


def _up(lab: Lab) -> Taken:
    taken = pulumi(lab, *_UP)
    pulumi(lab, *_DOWN)
    return taken
