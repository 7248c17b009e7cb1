"""A change of a running router's files, beside what a reboot of the router would take."""

from __future__ import annotations

import itertools
import time
from collections.abc import Iterator

from bench.libvirt import pulumi, standing
from bench.process import Taken
from bench.samples import alternate, spread
from bench.section import Options, Section
from tests.components.stacks import Written
from tests.real_libvirt.lab import FIRST, Lab, eventually

_SIDES = ("pulumi up", "reboot")
_UP = ("up", "--yes", "--skip-preview")

#: Behind the other router: known again as soon as the session is back.
_FAR = "10.1.2.0/24"


def run(options: Options) -> Section:
    """Measure."""
    with standing() as lab:
        options.say("day1: bringing up two routers")
        pulumi(lab, *_UP)
        _wait(lab)
        prefixes = itertools.cycle(("10.114.0.0/16", "10.115.0.0/16"))
        found = alternate(
            options.runs,
            _SIDES,
            lambda side: _change(lab, prefixes) if side == "pulumi up" else _reboot(lab),
            lambda run, side, taken: options.say(f"day1: {side} {run}: {taken.wall:.2f} s"),
        )
    change, reboot = (spread(found[side], lambda t: t.wall) for side in _SIDES)
    return Section(
        title="A changed filter on two emulated routers, in seconds",
        columns=("pulumi up, to confirmed", "a router's reboot, to its routes"),
        rows=((change.text(), reboot.text()),),
        notes=(
            "The routers are a stand-in for OpenWrt under software emulation: with KVM both sides "
            "are quicker. No session is dropped by the one, all of the router's by the other.",
        ),
        data={"change": change.values, "reboot": reboot.values},
    )


def _change(lab: Lab, prefixes: Iterator[str]) -> Taken:
    prefix = next(prefixes)

    def other_egress(config: Written) -> None:
        config["underlay:fabric"]["egress"] = prefix

    lab.configure(other_egress)
    return pulumi(lab, *_UP)


def _reboot(lab: Lab) -> Taken:
    """Off and on again, until the router has the other's routes."""
    name = next(name for name in lab.machines.names("list") if name.endswith("-dc1-router1"))
    began = time.perf_counter()
    lab.machines.virsh("destroy", name)
    lab.machines.virsh("start", name)
    _wait(lab)
    return Taken(time.perf_counter() - began, 0.0)


def _wait(lab: Lab) -> None:
    eventually(lambda: lab.answers(FIRST) and _FAR in lab.routes(FIRST), f"no route to {_FAR}", 600)
