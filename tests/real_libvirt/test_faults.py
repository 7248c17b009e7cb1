"""What goes wrong between `pulumi up` and a libvirt: said once, with a remedy, and gone on from.

One stack, and its tests in the order of the file: each fault meets what the ones before have left.
"""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Callable
from dataclasses import replace
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

#: Without what makes permissions mean nothing to root (capabilities(7)).
LESSER = "-dac_override,-dac_read_search"


def test_a_socket_that_lets_nobody_in(lab: Lab) -> None:
    # It is somebody else's, and this root may not open what it has no permission for.
    lab.machines.run("chown", "nobody", SOCKET)
    lab.machines.run("chmod", "0700", SOCKET)
    lesser = replace(lab.stack, enter=("setpriv", "--bounding-set", LESSER))
    said = lesser.fail(*UP)
    assert "fabric-host-reachable" in said
    assert f"no permission on {SOCKET}: join the group libvirt" in said
    lab.machines.run("chown", "root", SOCKET)


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
        (nobody_there, "fabric-host-reachable", "(there is no /run/nobody): install libvirt"),
        (missing_image, "router1-image", "/nowhere/kernel does not exist: put it there"),
        (wrong_checksum, "router1-image", "but its pin says 000000"),
        (pool_that_cannot_be_made, "fabric-host-pool", "cannot create path '/sys/underlay"),
    ],
    ids=("nobody there", "missing image", "wrong checksum", "pool that cannot be made"),
)
def test_a_fault_is_said_with_its_resource_and_its_remedy(
    lab: Lab, fault: Callable[[Written], None], resource: str, words: str
) -> None:
    lab.configure(fault)
    said = lab.stack.fail(*UP)
    assert resource in said
    assert words in said
    assert "Traceback" not in said


def test_what_libvirt_keeps_of_a_creation_that_failed_is_named_until_it_is_removed(
    lab: Lab,
) -> None:
    lab.configure()
    (left,) = lab.machines.names("pool-list")
    assert f"storage pool '{left}' already exists" in lab.stack.fail(*UP)
    lab.machines.virsh("pool-undefine", left)


def test_an_up_that_is_killed_can_be_run_again(lab: Lab) -> None:
    kill(lab, UP, lambda: len(lab.running()) == 2)
    lab.mend()
    lab.stack.up()
    assert lab.ssh(FIRST, "hostname") == "dc1-router1\n"
    assert lab.stack.preview() == {}


def test_a_destroy_that_is_killed_can_be_run_again(lab: Lab) -> None:
    down = ("destroy", "--yes", "--skip-preview")
    kill(lab, down, lambda: len(lab.running()) < 2)
    lab.mend()
    lab.stack.destroy()
    assert lab.remains() == []


def kill(lab: Lab, arguments: tuple[str, ...], when: Callable[[], bool]) -> None:
    """Kill the engine as soon as it has got so far, unless it is too quick for that."""
    with (lab.stack.folder / "killed.log").open("wb") as output:
        entered = subprocess.Popen(
            lab.stack.command(*arguments), env=lab.stack.environment, stdout=output, stderr=output
        )
    children = Path(f"/proc/{entered.pid}/task/{entered.pid}/children")
    eventually(lambda: entered.poll() is not None or when(), "the moment has not come")
    if entered.poll() is None:
        # What nsenter has started: it stays outside of the PID namespace itself.
        os.kill(int(children.read_text()), signal.SIGKILL)
    entered.wait(60)
