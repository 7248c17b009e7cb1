"""The report as a table for people."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console
from rich.table import Table
from rich.text import Text

from verify.model import Check
from verify.report import Report

_COLUMNS = (
    (Check.SESSIONS, "BGP sessions"),
    (Check.ROUTES, "routes"),
    (Check.PODS, "reaches pods"),
    (Check.SOURCE, "as itself"),
    (Check.WAN, "WAN by NAT"),
)

#: Findings are listed up to here; a fabric that is down has thousands, and the first ones tell.
_MOST_FINDINGS = 40


def show(report: Report, console: Console) -> None:
    """Print a row for each machine, then what was found. A pod has a row if it is not well."""
    table = Table(title=f"{report.stack}: observed against planned", title_justify="left")
    table.add_column("machine", no_wrap=True)
    for _, title in _COLUMNS:
        table.add_column(title, justify="right")
    hidden_pods = 0
    for machine in report.checked:
        if machine in report.pods and not report.failures(machine):
            hidden_pods += 1
        else:
            table.add_row(machine, *_cells(report, machine))
    console.print(table)
    if hidden_pods:
        console.print(f"and {hidden_pods} pods with the routes they should have")
    if report.is_good:
        console.print(Text("All as planned.", style="green"))
        return
    for finding in report.findings[:_MOST_FINDINGS]:
        console.print(Text(f"✗ {finding}", style="red"))
    hidden = len(report.findings) - _MOST_FINDINGS
    if hidden > 0:
        console.print(f"… and {hidden} more (--json lists all)")


def _cells(report: Report, machine: str) -> Sequence[Text]:
    cells = []
    for check, _ in _COLUMNS:
        count = report.checked[machine].get(check)
        if count is None:
            cells.append(Text("–", style="dim"))
            continue
        good = report.good(machine, check)
        cells.append(Text(f"{good}/{count}", style="green" if good == count else "red"))
    return cells
