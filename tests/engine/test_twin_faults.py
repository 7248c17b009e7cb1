"""Bad input and faults on the real engine: a clear message or a good state, and nothing left."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest

from tests.engine.stack import Stack
from tools.cli import PROJECT
from tools.mend import mend
from twin import daemons, namespaces
from verify.twin_stack import TwinStack
from verify.waiting import NotConvergedError, wait

pytestmark = [pytest.mark.engine, pytest.mark.twin, pytest.mark.timeout(900)]


def test_a_bad_configuration_names_every_problem_and_creates_nothing(stack: Stack) -> None:
    stack.configure(
        {
            "datacentres": [{"lan": "10.130.0.0/24"}, {"router_asn": 65001, "rooters": 2}],
            "timers": {"keepalive_time": 9},
        }
    )
    for command in (("preview",), ("up", "--yes", "--skip-preview")):
        printed = stack.fail(*command)
        assert "fabric.datacentres[0].lan 10.130.0.0/24 overlaps fabric.pods" in printed
        assert "fabric.datacentres[1].rooters is not a setting: did you mean routers?" in printed
        assert "fabric.datacentres[1].router_asn 65001 is also fabric.asns.cluster" in printed
        assert "fabric.timers.keepalive_time 9 is more than a third of hold_time 9" in printed
        assert "Traceback" not in printed
    assert stack.remains() == []


def test_passwords_that_all_can_read_are_refused(stack: Stack) -> None:
    stack.succeed("config", "set", "--path", "underlay:passwords.peering", "open")
    printed = stack.fail("preview")
    assert "passwords stand there for all to read" in printed
    assert "pulumi config set --secret --path underlay:passwords.peering" in printed


def test_a_namespace_of_somebody_else_is_refused_and_left_alone(stack: Stack) -> None:
    foreign = stack.place("dc1-router1").namespace
    namespaces.create(foreign)
    try:
        printed = stack.fail("up", "--yes", "--skip-preview")
        assert f"a network namespace {foreign} stands already" in printed
        stack.destroy()
        assert stack.remains() == [foreign]
    finally:
        namespaces.delete(foreign)
    stack.up()
    assert stack.verify().findings == ()


def test_a_stack_of_the_same_name_elsewhere_is_refused_and_left_alone(
    make_stack: Callable[[], Stack],
) -> None:
    first, second = make_stack(), make_stack()
    first.up()
    twin = Stack(first.name, second.folder)
    twin.initialise()
    twin.configure({"datacentres": 2})
    printed = twin.fail("up", "--yes", "--skip-preview")
    assert f"a twin of a stack named {first.name} stands on this machine already" in printed
    twin.destroy()
    assert first.verify().findings == ()


@pytest.mark.parametrize("standing", [1, 4, 7, 10, 13])
def test_a_run_killed_at_any_moment_can_be_run_again_or_destroyed(
    stack: Stack, standing: int
) -> None:
    for aftermath in ("destroy", "up"):
        _kill_when(stack, standing)
        mend(stack.name, PROJECT, repeatable=True, environ=stack.environment)
        assert _plugins(stack) == 0
        if aftermath == "up":
            printed = stack.up()
            assert "pending operations" not in printed
            assert stack.verify().findings == ()
        stack.destroy()
        assert stack.remains() == []


def test_a_destroy_that_was_killed_can_be_run_again(stack: Stack) -> None:
    stack.up()
    process = subprocess.Popen(
        stack.command("destroy", "--yes", "--skip-preview"),
        env=stack.environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    _wait_until(lambda: _standing(stack) < 10 or process.poll() is not None)
    process.kill()
    process.wait()
    mend(stack.name, PROJECT, repeatable=True, environ=stack.environment)
    stack.destroy()
    assert stack.remains() == []


def test_a_network_that_does_not_route_is_not_called_done(stack: Stack) -> None:
    stack.up()
    daemons.stop(daemons.running_in(stack.place("dc2-router1").folder, "bird"))
    with pytest.raises(NotConvergedError) as caught:
        wait(TwinStack(stack.name, stack.plan()), limit_seconds=12)
    message = str(caught.value)
    assert "dc2-router1: no route to 10.129.11.0/24, planned by 172.30.0.1" in message
    assert "dc1-router1: the session with dc2-router1 (172.30.0.3) is" in message


def test_a_stack_whose_name_leaves_no_room_for_sockets_is_refused(stack: Stack) -> None:
    long = Stack("n" * 31, stack.folder)
    long.initialise()
    long.configure({"datacentres": 2})
    printed = long.fail("up", "--yes", "--skip-preview")
    assert "leave room for 30, use a shorter name" in printed
    assert long.remains() == []


def _kill_when(stack: Stack, standing: int) -> None:
    """SIGKILL the engine at the moment when so many namespaces stand."""
    process = subprocess.Popen(
        stack.command("up", "--yes", "--skip-preview"),
        env=stack.environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    _wait_until(lambda: _standing(stack) >= standing or process.poll() is not None)
    process.kill()
    process.wait()


def _standing(stack: Stack) -> int:
    return len(list(namespaces.NETNS_FOLDER.glob(f"{stack.name}-*")))


def _plugins(stack: Stack) -> int:
    """The plugins that work for this stack, after they had a moment to notice that they do not."""
    deadline = time.monotonic() + 5
    mark = f"PULUMI_BACKEND_URL=file://{stack.folder}".encode()
    while count := sum(mark in environment for environment in _plugin_environments()):
        if time.monotonic() > deadline:
            return count
        time.sleep(0.05)
    return 0


def _plugin_environments() -> list[bytes]:
    found = []
    for process in Path("/proc").iterdir():
        with suppress(OSError):
            if process.name.isdigit() and b"pulumi.dynamic" in (process / "cmdline").read_bytes():
                found.append((process / "environ").read_bytes())
    return found


def _wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline, "the engine did not get that far in a minute"
        time.sleep(0.002)
