"""What goes wrong between `pulumi up` and a libvirt: said once, with a remedy, and gone on from.

One stack, and its tests in the order of the file: each fault meets what the ones before have left.
"""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.components.stacks import Written
from tests.real_libvirt.lab import FIRST, Lab, eventually
from tools import plugins

pytestmark = [
    pytest.mark.engine,
    pytest.mark.timeout(plugins.LIMIT),  # the first test may build the plugin and the image
    pytest.mark.xdist_group("real_libvirt"),
]

UP = ("up", "--yes", "--skip-preview")
SOCKET = "/run/libvirt/libvirt-sock"


def missing_image(config: Written) -> None:
    config["underlay:libvirt"]["openwrt"]["kernel"] = "/nowhere/kernel"


def wrong_checksum(config: Written) -> None:
    config["underlay:libvirt"]["openwrt"]["root_sha256"] = "0" * 64


def nobody_there(config: Written) -> None:
    config["underlay:libvirt"]["uri"] = "qemu:///system?socket=/run/nobody"


def pool_that_cannot_be_made(config: Written) -> None:
    config["underlay:libvirt"]["pool"] = "/sys/underlay"


@pytest.mark.parametrize(
    ("fault", "resource", "words"),
    [
        (missing_image, "fabric-dc1-router1-image", "/nowhere/kernel does not exist: put it there"),
        (wrong_checksum, "fabric-dc1-router1-image", "but its pin says 000000"),
        (nobody_there, "fabric-host-reachable", "(there is no /run/nobody): install libvirt"),
        (pool_that_cannot_be_made, "fabric-host-pool", "/sys/underlay"),
    ],
    ids=lambda item: getattr(item, "__name__", ""),
)
def test_a_fault_is_said_with_its_resource_and_its_remedy(
    lab: Lab, fault: Callable[[Written], None], resource: str, words: str
) -> None:
    lab.configure(fault)
    said = lab.stack.fail(*UP)
    assert resource in said
    assert words in said
    assert "Traceback" not in said


def test_a_socket_that_lets_nobody_in(lab: Lab) -> None:
    lab.configure()
    # It is somebody else's, and this root may not open what it has no permission for.
    lab.machines.run("chown", "nobody", SOCKET)
    lab.machines.run("chmod", "0700", SOCKET)
    bounds = "-dac_override,-dac_read_search"
    enter = lab.machines.inside("setpriv", "--bounding-set", bounds)
    done = subprocess.run(
        [*enter, *lab.stack.command(*UP)[len(lab.machines.inside()) :]],
        env=lab.stack.environment,
        capture_output=True,
        text=True,
        timeout=120,
    )
    print(done.stdout, done.stderr)
    assert done.returncode != 0
    assert f"no permission on {SOCKET}: join the group libvirt" in done.stdout + done.stderr
    lab.machines.run("chown", "root", SOCKET)


def test_an_up_that_is_killed_can_be_run_again(lab: Lab) -> None:
    lab.configure()
    kill(lab, UP, lambda: len(lab.machines.names("list")) == 2)
    lab.mend()
    lab.stack.up()
    assert lab.ssh(FIRST, "hostname") == "dc1-router1\n"
    assert lab.stack.preview() == {}


def test_a_destroy_that_is_killed_can_be_run_again(lab: Lab) -> None:
    down = ("destroy", "--yes", "--skip-preview")
    kill(lab, down, lambda: len(lab.machines.names("list")) < 2)
    lab.mend()
    lab.stack.destroy()
    assert lab.remains() == []


def kill(lab: Lab, arguments: tuple[str, ...], when: Callable[[], bool]) -> None:
    """Kill the engine as soon as it has got so far."""
    log = lab.stack.folder / "killed.log"
    with log.open("wb") as output:
        entered = subprocess.Popen(
            lab.stack.command(*arguments), env=lab.stack.environment, stdout=output, stderr=output
        )
    children = Path(f"/proc/{entered.pid}/task/{entered.pid}/children")
    try:
        eventually(lambda: entered.poll() is not None or when(), "the moment has not come")
        assert entered.poll() is None, log.read_text()
        # The engine is what nsenter has started: it stays outside of the PID namespace itself.
        (engine,) = children.read_text().split()
        subprocess.run(["kill", "-KILL", engine], check=True, timeout=10)
    finally:
        entered.wait(30)
