"""What was found, for people."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console
from rich.table import Table
from rich.text import Text

from doctor.finding import Check


def show(stack: str, checks: Sequence[Check], console: Console) -> bool:
    """Print what stops `up`, or else what was seen; warnings apart. Whether nothing stops it."""
    found = [finding for check in checks for finding in check.findings]
    stops = [finding.text for finding in found if finding.stops]
    warnings = [finding.text for finding in found if not finding.stops]
    if stops:
        console.print(Text(f"{stack} cannot come up:"))
    else:
        console.print(_table(stack, checks))
    for text in stops:
        console.print(Text(f"✗ {text}", style="red"), soft_wrap=True)
    for text in warnings:
        console.print(Text(f"! {text}", style="yellow"), soft_wrap=True)
    if not stops:
        console.print(Text(f"Nothing stops `make up STACK={stack}`.", style="green"))
    return not stops


def _table(stack: str, checks: Sequence[Check]) -> Table:
    table = Table(title=f"{stack}: what it needs, and what is there", title_justify="left")
    table.add_column("looked at", no_wrap=True)
    table.add_column("", no_wrap=True)
    table.add_column("seen")
    for check in checks:
        mark = Text("!", style="yellow") if check.findings else Text("✓", style="green")
        table.add_row(check.name, mark, check.seen)
    return table
