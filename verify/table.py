"""The report as a table for people."""

from __future__ import annotations

from collections.abc import Sequence

from rich import box
from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from verify.model import Cause, Check, Finding
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

#: More columns of a terminal than any table needs.
_UNBOUNDED = 10_000

#: Of a cause below its finding: top, right, bottom, left.
_INDENT = (0, 0, 0, 4)

#: Findings are listed up to here; a fabric that is down has thousands, and the first ones tell.
_MOST_FINDINGS = 40


def show(report: Report, console: Console) -> None:
    """Print a row for each machine, then what was found. A pod has a row if it is not well."""
    well = [name for name in report.checked if name in report.pods and not report.failures(name)]
    machines = [name for name in report.checked if name not in well]
    table = _table(report, machines)
    unbounded = console.options.update_width(_UNBOUNDED)
    if console.measure(table, options=unbounded).maximum > console.width:
        table = _table(report, machines, is_narrow=True)
    console.print(table)
    if well:
        console.print(f"and {len(well)} pods with the routes they should have")
    named: set[Cause] = set()
    for note in report.notes:
        console.print(Text(f"• {note}", style="yellow"))
        _show_causes(note, named, console)
    for hidden_part in report.not_looked_at:
        console.print(Text(f"Not looked at: {hidden_part}.", style="dim"))
    if report.is_good:
        all_seen = "All that was looked at is" if report.not_looked_at else "All"
        console.print(Text(f"{all_seen} as planned.", style="green"))
        return
    for finding in report.findings[:_MOST_FINDINGS]:
        console.print(Text(f"✗ {finding}", style="red"))
        _show_causes(finding, named, console)
    hidden = len(report.findings) - _MOST_FINDINGS
    if hidden > 0:
        console.print(f"… and {hidden} more (--json lists all)")


def _table(report: Report, machines: Sequence[str], *, is_narrow: bool = False) -> Table:
    """A narrow one has no frame, and of what is all as planned only the number."""
    table = Table(
        title=f"{report.stack}: observed against planned",
        title_justify="left",
        box=None if is_narrow else box.HEAVY_HEAD,
        pad_edge=not is_narrow,
        padding=(0, 1, 0, 0) if is_narrow else (0, 1),
    )
    table.add_column("machine", no_wrap=True)
    columns = _columns(report)
    for _, title in columns:
        table.add_column(title, justify="right", no_wrap=True)
    checks = [check for check, _ in columns]
    for machine in machines:
        table.add_row(machine, *_cells(report, machine, checks, is_narrow=is_narrow))
    return table


def _show_causes(finding: Finding, named: set[Cause], console: Console) -> None:
    """Each cause once, though several findings may come of it."""
    for cause in finding.causes:
        if cause not in named:
            named.add(cause)
            console.print(Padding(Text(cause.cause, style="bold"), _INDENT, expand=False))
            console.print(Padding(Text(f"Remedy: {cause.remedy}"), _INDENT, expand=False))


def _columns(report: Report) -> Sequence[tuple[Check, str]]:
    """What a stack has besides the others is a column of its reports alone."""
    checked = {check for counts in report.checked.values() for check in counts}
    return [column for column in _COLUMNS if column[0] in checked or column[0] not in _OF_SOME]


def _cells(
    report: Report, machine: str, checks: Sequence[Check], *, is_narrow: bool
) -> Sequence[Text]:
    cells = []
    for check in checks:
        count = report.checked[machine].get(check)
        if count is None:
            cells.append(Text("–", style="dim"))
            continue
        good = report.good(machine, check)
        if good < count:
            cells.append(Text(f"{good}/{count}", style="red"))
        else:
            cells.append(Text(f"{count}" if is_narrow else f"{good}/{count}", style="green"))
    return cells
