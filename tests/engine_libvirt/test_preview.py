"""`pulumi preview` of the stacks on the real engine with the real libvirt plugin.

No libvirt is needed for it: nothing is dialled before the first `up`.
"""

import json
from pathlib import Path

import pytest
from syrupy.assertion import SnapshotAssertion

from tests.components.stacks import written
from tests.engine_libvirt.stack import Stack
from tools import plugins

# The first test may build the plugin.
pytestmark = [pytest.mark.engine, pytest.mark.timeout(plugins.LIMIT)]


@pytest.mark.parametrize("name", ["dev", "ndc"])
def test_the_planned_tree(name: str, tmp_path: Path, snapshot: SnapshotAssertion) -> None:
    stack = Stack(tmp_path, has_libvirt=True)
    stack.init(written(name))
    steps = json.loads(stack.succeed("preview", "--json"))["steps"]
    assert {step["op"] for step in steps} == {"create"}
    tree = sorted(step["urn"].split("::", 2)[2].replace(stack.name, name) for step in steps)
    assert "\n".join(tree) == snapshot


def test_a_bad_configuration_is_refused_before_anything_is_declared(tmp_path: Path) -> None:
    config = written("ndc")
    config["underlay:libvirt"] = {"uri": "vbox:///session", "pool": "disks", "cilum": {}}
    stack = Stack(tmp_path, has_libvirt=True)
    stack.init(config)
    done = stack.run("preview")
    assert done.returncode != 0
    printed = done.stdout + done.stderr
    for complaint in (
        "libvirt.uri vbox:///session is no URI of libvirt's QEMU driver: write qemu:///system",
        "libvirt.pool disks is no absolute path",
        "libvirt.cilum is not a setting: did you mean cilium?",
        "libvirt.wan.bridge is not given, and fabric.datacentres[1] is on another host",
    ):
        assert complaint in printed
    assert "Traceback" not in printed
