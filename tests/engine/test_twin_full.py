"""The stack that has everything turned on, as `Pulumi.twin-full.yaml` has it."""

from __future__ import annotations

import pytest
import yaml

from tests.engine.stack import Stack
from tools.cli import PROJECT
from verify.model import Check

pytestmark = [pytest.mark.engine, pytest.mark.twin, pytest.mark.timeout(900)]

#: What only a stack on libvirt is looked at for, and what is no count but a failure alone.
ELSEWHERE = {Check.REACHED, Check.ANSWERS}


def test_everything_at_once_works_and_a_second_time_changes_nothing(stack: Stack) -> None:
    written = yaml.safe_load((PROJECT / "Pulumi.twin-full.yaml").read_text())
    stack.configure(written["config"]["underlay:fabric"])
    stack.up()
    report = stack.verify()
    assert report.findings == ()
    looked_at = {check for counts in report.checked.values() for check in counts}
    assert looked_at == set(Check) - ELSEWHERE
    stack.succeed("preview", "--expect-no-changes")
    stack.destroy()
    assert stack.remains() == []
