"""The report as a table for people."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console
from rich.table import Table
from rich.text import Text

from verify.model import Check
from verify.report import Report

#: In two lines where there are two words, so that all columns find room on a terminal.
_COLUMNS = (
    (Check.SESSIONS, "BGP\nsessions"),
    (Check.BFD, "BFD"),
    (Check.ROUTES, "routes"),
    (Check.ANNOUNCEMENTS, "heard"),
    (Check.PODS, "reaches\npods"),
    (Check.SOURCE, "as\nitself"),
    (Check.WAN, "WAN by\nNAT"),
    (Check.VIPS, "VIPs"),
    (Check.REACHED, "from\nhere"),
    (Check.METRICS, "scrape"),
)

_OF_SOME = frozenset({Check.BFD, Check.VIPS, Check.REACHED, Check.METRICS})

#: Findings are listed up to here; a fabric that is down has thousands, and the first ones tell.
_MOST_FINDINGS = 40


def show(report: Report, console: Console) -> None:
    """Print a row for each machine, then what was found. A pod has a row if it is not well."""
    table = Table(title=f"{report.stack}: observed against planned", title_justify="left")
    table.add_column("machine", no_wrap=True)
    columns = _columns(report)
    for _, title in columns:
        table.add_column(title, justify="right")
    hidden_pods = 0
    for machine in report.checked:
        if machine in report.pods and not report.failures(machine):
            hidden_pods += 1
        else:
            checks = [check for check, _ in columns]
            table.add_row(machine, *_cells(report, machine, checks))
    console.print(table)
    if hidden_pods:
        console.print(f"and {hidden_pods} pods with the routes they should have")
    for note in report.notes:
        console.print(Text(f"• {note}", style="yellow"))
    for hidden_part in report.not_looked_at:
        console.print(Text(f"Not looked at: {hidden_part}.", style="dim"))
    if report.is_good:
        all_seen = "All that was looked at is" if report.not_looked_at else "All"
        console.print(Text(f"{all_seen} as planned.", style="green"))
        return
    for finding in report.findings[:_MOST_FINDINGS]:
        console.print(Text(f"✗ {finding}", style="red"))
    hidden = len(report.findings) - _MOST_FINDINGS
    if hidden > 0:
        console.print(f"… and {hidden} more (--json lists all)")


def _columns(report: Report) -> Sequence[tuple[Check, str]]:
    """What a stack has besides the others is a column of its reports alone."""
    checked = {check for counts in report.checked.values() for check in counts}
    return [column for column in _COLUMNS if column[0] in checked or column[0] not in _OF_SOME]


def _cells(report: Report, machine: str, checks: Sequence[Check]) -> Sequence[Text]:
    cells = []
    for check in checks:
        count = report.checked[machine].get(check)
        if count is None:
            cells.append(Text("–", style="dim"))
            continue
        good = report.good(machine, check)
        cells.append(Text(f"{good}/{count}", style="green" if good == count else "red"))
    return cells
