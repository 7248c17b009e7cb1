"""The stack that has everything turned on, as `Pulumi.twin-full.yaml` has it."""

from __future__ import annotations

import pytest
import yaml

from tests.engine.stack import Stack
from tests.security.standing import eventually
from tools.cli import PROJECT
from verify.model import Check

pytestmark = [pytest.mark.engine, pytest.mark.twin, pytest.mark.timeout(900)]

#: What only a stack on libvirt is looked at for, and what is no count but a failure alone.
ELSEWHERE = {Check.REACHED, Check.ANSWERS}


def test_everything_at_once_works_and_a_second_time_changes_nothing(stack: Stack) -> None:
    written = yaml.safe_load((PROJECT / "Pulumi.twin-full.yaml").read_text())
    stack.configure(written["config"]["underlay:fabric"])
    stack.up()
    # A machine that stands still for longer than BFD waits begins sessions anew.
    eventually("all is as planned", lambda: stack.verify().is_good)
    checked = stack.verify().checked.values()
    looked_at = {check for counts in checked for check in counts}
    assert looked_at == set(Check) - ELSEWHERE
    stack.succeed("preview", "--expect-no-changes")
    stack.destroy()
    assert stack.remains() == []
