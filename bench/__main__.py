"""`python -m bench [--only NAME] [--quick] [--runs N] [--json FILE]`."""

from __future__ import annotations

import argparse
import json
import signal
import sys
from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import NoReturn

from rich.console import Console

from bench.machine import facts, load_average
from bench.section import BenchError, Options, Section
from bench.show import show, show_facts
from bench.suites import (
    day1,
    failover,
    growth,
    libvirt,
    libvirt_up,
    plan,
    preview,
    routes,
    throughput,
    up,
    verify,
    withdrawal,
)

SUITES: Mapping[str, Callable[[Options], Section]] = {
    "preview": preview.run,
    "libvirt": libvirt.run,
    "up": up.run,
    "growth": growth.run,
    "plan": plan.run,
    "verify": verify.run,
    "failover": failover.run,
    "routes": routes.run,
    "throughput": throughput.run,
    "withdrawal": withdrawal.run,
    "libvirt-up": libvirt_up.run,
    "day1": day1.run,
}

_RUNS = 3
_INTERRUPTED = 130

#: Of tables that go into a file.
_WIDTH = 132


def main(arguments: list[str]) -> int:
    """Measure what is asked for. The exit status says only whether it could be measured."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--only", metavar="NAME", action="append", choices=SUITES, help="one suite")
    parser.add_argument("--quick", action="store_true", help="small fabrics only")
    parser.add_argument("--runs", type=_count, default=_RUNS, help="of each side (default 3)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="every measured value as well")
    chosen = parser.parse_args(arguments)
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _stop)
    # A shell that starts a command in the background has it ignore interrupts.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    progress = Console(stderr=True, highlight=False)
    options = Options(chosen.runs, chosen.quick, lambda text: progress.print(text, style="dim"))
    try:
        measure(chosen.only or list(SUITES), options, chosen.json)
    except BenchError as error:
        progress.print(f"error: {error}", markup=False)
        return 1
    except KeyboardInterrupt:
        progress.print("interrupted; what was begun has been removed")
        return _INTERRUPTED
    return 0


def measure(names: list[str], options: Options, file: Path | None) -> None:
    """Run the suites and print each as soon as it is done."""
    console = Console()
    if not console.is_terminal:
        console.width = _WIDTH
    on = facts()
    found: dict[str, object] = {"machine": on}
    show_facts(on, console)
    console.print(f"{options.runs} runs of each side, in turn: median (least–most)")
    for name in names:
        busy = load_average()
        section = SUITES[name](options)
        show(section, busy, console)
        found[name] = {"load_average_before": busy, **asdict(section)}
        if file:
            file.write_text(json.dumps(found, indent=2, ensure_ascii=False) + "\n")


def _count(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError("at least 1")
    return number


def _stop(number: int, _frame: object) -> NoReturn:
    """Turn a signal into an exception, so that every clean-up on the way out still runs."""
    raise SystemExit(128 + number)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
