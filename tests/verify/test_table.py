"""The report as people see it."""

import io
import re

from rich.console import Console
from syrupy.assertion import SnapshotAssertion

from verify.model import Check, Finding
from verify.report import Report
from verify.table import show

CHECKED = {
    "dc1-router1": {Check.SESSIONS: 3, Check.ROUTES: 14},
    "dc1-controlplane1": {
        Check.SESSIONS: 1,
        Check.ROUTES: 5,
        Check.PODS: 3,
        Check.SOURCE: 3,
        Check.WAN: 1,
    },
    "dc1-controlplane1-pod1": {Check.ROUTES: 2},
    "dc1-controlplane1-pod2": {Check.ROUTES: 2},
    "internet": {Check.ROUTES: 1},
}
PODS = frozenset({"dc1-controlplane1-pod1", "dc1-controlplane1-pod2"})


def shown(*findings: Finding) -> str:
    console = Console(record=True, width=100, file=io.StringIO())
    show(Report("twin", CHECKED, PODS, findings), console)
    return "\n".join(line.rstrip() for line in console.export_text().splitlines())


def test_a_network_that_is_as_planned(snapshot: SnapshotAssertion) -> None:
    assert shown() == snapshot


def test_a_network_that_is_not(snapshot: SnapshotAssertion) -> None:
    assert (
        shown(
            Finding("dc1-router1", Check.SESSIONS, "the session with x (10.1.1.21) is Active"),
            Finding("dc1-router1", Check.ROUTES, "no route to 10.1.2.0/24, planned by 172.30.0.3"),
            Finding("dc1-router1", Check.ROUTES, "a route to [b]x[/b] by y is not in the plan"),
            Finding("dc1-controlplane1", Check.WAN, "x cannot reach the WAN: nothing arrived"),
            Finding("dc1-controlplane1-pod2", Check.ROUTES, "no route to default, planned by y"),
        )
        == snapshot
    )


def test_services_have_a_column_where_there_are_any() -> None:
    console = Console(record=True, width=100, file=io.StringIO())
    show(Report("twin", {"dc1-router1": {Check.VIPS: 2}}, frozenset(), ()), console)
    assert re.search(r"VIPs.*\n(.*\n)*.*dc1-router1 .* 2/2", console.export_text())
    assert "VIPs" not in shown()


def test_a_list_that_is_long_is_cut_short_and_says_so() -> None:
    many = [Finding("dc1-router1", Check.ROUTES, f"no route to {number}") for number in range(100)]
    lines = shown(*many).splitlines()
    assert sum(line.startswith("✗ ") for line in lines) == 40
    assert lines[-1] == "… and 60 more (--json lists all)"


def test_what_is_not_well_is_red_and_the_rest_green() -> None:
    console = Console(record=True, width=100, file=io.StringIO())
    finding = Finding("dc1-router1", Check.ROUTES, "no route")
    show(Report("twin", CHECKED, PODS, (finding,)), console)
    (router,) = (line for line in console.export_text(styles=True).splitlines() if "13/14" in line)
    assert re.search(r"\x1b\[32m +3/3\x1b", router)
    assert re.search(r"\x1b\[31m +13/14\x1b", router)


def test_metrics_have_a_column_where_there_are_any() -> None:
    machines = {
        "dc1-router1": {Check.SESSIONS: 3, Check.ROUTES: 14},
        "dc1-controlplane1": dict.fromkeys(
            (Check.SESSIONS, Check.ROUTES, Check.PODS, Check.SOURCE, Check.WAN), 3
        ),
    }
    assert "scrape" not in _shown(machines)
    machines["dc1-router1"][Check.METRICS] = 4
    text = _shown(machines)
    assert re.search(r"dc1-router1 .*4/4 │ *$", text, re.MULTILINE)


def test_a_table_too_wide_for_the_terminal_gives_only_numbers_of_what_is_well() -> None:
    checks = dict.fromkeys(set(Check) - {Check.REACHED}, 26)  # which is on libvirt alone
    finding = Finding("dc1-worker1", Check.WAN, "not by NAT")
    report = Report("twin", {"dc1-controlplane1": checks, "dc1-worker1": checks}, PODS, (finding,))
    for width, well in ((200, "26/26"), (80, "26")):
        console = Console(record=True, width=width, file=io.StringIO())
        show(report, console)
        text = console.export_text()
        assert "…" not in text
        (row,) = (line for line in text.splitlines() if "dc1-controlplane1" in line)
        assert set(row.replace("│", " ").split()[1:]) == {well}
        assert "25/26" in text


def _shown(machines: dict[str, dict[Check, int]]) -> str:
    written = io.StringIO()
    show(Report("twin", machines, frozenset(), ()), Console(file=written, width=100))
    return written.getvalue()
