"""Waiting for routers that are asked over SSH: real dropbear, BIRD and kernel tables."""

import os
import sys
from pathlib import Path

import pytest

from tests.day1.conftest import Pair
from tests.day1.lab import eventually
from tests.engine.program import Program
from verify.libvirt_stack import LibvirtStack
from verify.waiting import NotConvergedError, wait

pytestmark = [pytest.mark.twin, pytest.mark.timeout(600)]

#: BIRD's name of the session with the second router, and what is missing without it.
SESSION = "router_dc2_router1"
NO_SESSION = "dc1-router1: the session with dc2-router1 (172.30.0.3) is Down"
NO_ROUTE = "dc1-router1: no route to 10.1.2.0/24, planned by 172.30.0.3"

_PROGRAM = """
import json, os, pulumi
from verify.libvirt_converged import LibvirtConverged, LibvirtConvergedArgs
args = json.loads(open(os.environ["INPUTS"]).read())
args["management_key"] = pulumi.Output.secret(args["management_key"])
for name in ("fabric", "libvirt", "host_keys", "management_key"):
    pulumi.export(name, args[name])
args = LibvirtConvergedArgs(**args, kubeconfig=None)
LibvirtConverged("converged", args=args, opts=pulumi.ResourceOptions())
"""


_VERIFY = (sys.executable, "-m", "verify", "--stack", "test")


def watched(pair: Pair) -> LibvirtStack:
    return LibvirtStack(
        name="lab",
        plan=pair.plan,
        host_keys=host_keys(pair),
        management_key=pair.first.address.private_key,
        kubeconfig=None,
    )


def host_keys(pair: Pair) -> dict[str, str]:
    return {router.planned.name: router.address.host_key for router in (pair.first, pair.second)}


def end_session(pair: Pair) -> None:
    """By the first router's own hand, which is why it has a state of its own and no other try."""
    pair.first.run("/usr/sbin/birdc", "disable", SESSION)
    eventually(lambda: not pair.first.reaches(pair.second))


def test_routers_that_are_as_planned_are_not_waited_for(routers_alone: Pair) -> None:
    with routers_alone.lab.inside():
        wait(watched(routers_alone), limit_seconds=30)
        report = watched(routers_alone).report()
    assert report.findings == ()
    assert set(report.checked) == {"dc1-router1", "dc2-router1"}


def test_it_is_waited_until_a_session_has_come_up_again(routers_alone: Pair) -> None:
    end_session(routers_alone)
    routers_alone.first.run("/usr/sbin/birdc", "enable", SESSION)
    with routers_alone.lab.inside():
        wait(watched(routers_alone), limit_seconds=60)
    assert "Established" in routers_alone.first.session()
    assert routers_alone.first.reaches(routers_alone.second)


def test_what_is_missing_is_named_machine_by_machine(routers_alone: Pair) -> None:
    end_session(routers_alone)
    os.kill(routers_alone.second.process, 9)
    with routers_alone.lab.inside(), pytest.raises(NotConvergedError) as caught:
        wait(watched(routers_alone), limit_seconds=0)
    title, *lines = str(caught.value).splitlines()
    assert title.startswith("not converged after ")
    assert lines[:2] == [f"  - {NO_SESSION}", f"  - {NO_ROUTE}"]
    (away,) = lines[2:]
    assert away.startswith(
        "  - dc2-router1: root@172.31.0.12:22 does not answer by SSH within 10 s ("
    )


@pytest.mark.engine
def test_the_last_resource_fails_with_what_is_missing_and_the_next_up_goes_on(
    routers_alone: Pair, tmp_path: Path
) -> None:
    inputs: dict[str, object] = {
        "stack": "lab",
        "fabric": {},
        "libvirt": {"cluster": False},
        "machines": {"dc1-router1": "made", "dc2-router1": "made"},
        "host_keys": host_keys(routers_alone),
        "management_key": routers_alone.first.address.private_key,
        "limit_seconds": 0,
    }
    stack = Program(tmp_path, inputs, routers_alone.lab.command)
    stack.init(_PROGRAM)
    end_session(routers_alone)

    # A first preview asks nobody; `up` says what is missing, and `verify` can be asked at once.
    assert stack.operations() == ["create"]
    shown = stack.up(fails=True)
    assert "not converged after " in shown
    assert NO_SESSION in shown
    assert NO_ROUTE in shown
    assert "Traceback" not in shown
    assert f"✗ {NO_SESSION}" in stack.run(*_VERIFY, fails=True)

    # Nothing but the network is mended, and the next one goes on.
    routers_alone.first.run("/usr/sbin/birdc", "enable", SESSION)
    inputs["limit_seconds"] = 60
    stack.up()
    assert stack.operations() == []
    assert "All as planned." in stack.run(*_VERIFY)

    # What was changed is waited for; what has gone missing is found by a refresh.
    inputs["machines"] = {"dc1-router1": "changed", "dc2-router1": "made"}
    assert stack.operations() == ["update"]
    stack.up()
    end_session(routers_alone)
    stack.refresh()
    assert stack.operations() == ["update"]
    routers_alone.first.run("/usr/sbin/birdc", "enable", SESSION)
    stack.up()
    assert stack.outputs_of("Converged")["missing"] == []

    # A router that is gone does not keep a refresh or a destroy from their work.
    os.kill(routers_alone.second.process, 9)
    stack.refresh()
    stack.destroy()
    key = routers_alone.first.address.private_key.splitlines()[2]
    for secret in ("peering-password-4711", key):
        assert secret not in stack.everything()
