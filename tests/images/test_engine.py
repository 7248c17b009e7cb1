"""The images on the real engine: what a preview says, what a state holds, what a destroy leaves."""

from pathlib import Path

import pytest

from tests.engine.program import Program
from tests.images import ext4

pytestmark = [pytest.mark.engine, pytest.mark.timeout(600)]

_PROGRAM = """
import json, os, pulumi
from config.images import OpenWrtImage, TalosImage
from images.resources import RouterImage, RouterImageArgs, TalosBoot

wanted = json.loads(open(os.environ["INPUTS"]).read())
talos = TalosBoot("talos-boot", image=TalosImage.model_validate(wanted["talos"]))
router = RouterImage("dc1-router1-image", args=RouterImageArgs(
    image=OpenWrtImage.model_validate(wanted["openwrt"]),
    files={
        # What is known only after an apply, as a key that is made on the way.
        "/etc/later": talos.kernel_path.apply(len).apply(str),
        "/etc/config/network": wanted["network"],
        "/etc/uci-defaults/10-key": pulumi.Output.secret("dropbear-secret-key"),
    },
    modes={"/etc/uci-defaults/10-key": 0o600},
))
pulumi.export("root", router.root_path)
pulumi.export("kernel", router.kernel_path)
pulumi.export("initrd", router.initrd_path)
pulumi.export("initramfs", talos.initramfs_path)
pulumi.export("iso", talos.iso_path)
"""


@pytest.fixture
def stack(tmp_path: Path) -> Program:
    for name in ("kernel", "initramfs"):
        (tmp_path / name).write_text(name)
    made = Program(
        tmp_path,
        {
            "openwrt": {"kernel": str(tmp_path / "kernel"), "root": "root.ext4"},
            "network": "config interface 'wan'\n",
            "talos": {
                "kernel": str(tmp_path / "kernel"),
                "initramfs": str(tmp_path / "initramfs"),
            },
        },
    )
    made.init(_PROGRAM)
    # A relative path is one from the program's folder.
    ext4.make(tmp_path / "program" / "root.ext4")
    return made


def test_from_up_to_destroy(stack: Program, home: Path) -> None:
    stack.up()
    first = stack.outputs()
    root = Path(str(first["root"]))
    assert root.parent == home / "routers" / "lab-test"
    assert root.name.startswith("dc1-router1-image-")
    assert Path(str(first["kernel"])).read_text() == "kernel"
    assert Path(str(first["initramfs"])).read_text() == "initramfs"
    assert (first.get("initrd"), first.get("iso")) == (None, None)
    assert "dropbear-secret-key" not in stack.state()
    stack.preview("--expect-no-changes")

    # Another day 0 is another machine: the preview says so, and the old image goes last.
    stack.inputs["network"] = "config interface 'other'\n"
    preview = stack.preview()
    assert "config interface 'other'" in preview
    assert "++images:RouterImage" in preview.replace(" ", "") or "replace" in preview
    assert "dropbear-secret-key" not in preview
    stack.up()
    second = Path(str(stack.outputs()["root"]))
    assert second != root
    assert second.exists()
    assert not root.exists()

    # What somebody removed is made again, under its old name.
    second.unlink()
    stack.up("--refresh")
    assert Path(str(stack.outputs()["root"])) == second
    assert second.exists()
    stack.preview("--refresh", "--expect-no-changes")

    stack.destroy()
    assert list((home / "routers").iterdir()) == []
    assert Path(str(first["kernel"])).exists()


def test_a_missing_file_is_named_by_the_preview(stack: Program) -> None:
    stack.inputs["openwrt"] = {"kernel": "/none/kernel", "root": "root.ext4"}
    said = stack.preview(fails=True)
    assert "dc1-router1-image" in said
    assert "/none/kernel does not exist: put it there" in said


def test_an_image_without_bird_is_named_and_the_next_up_goes_on(stack: Program) -> None:
    ext4.make(stack.folder / "program" / "bare.ext4", {"etc/config/network": b""})
    kernel = str(stack.folder / "kernel")
    stack.inputs["openwrt"] = {"kernel": kernel, "root": "bare.ext4"}
    said = stack.up(fails=True)
    assert "the root for router dc1-router1-image has no /usr/sbin/bird (package bird2)" in said
    assert "Traceback" not in said
    stack.inputs["openwrt"] = {"kernel": kernel, "root": "root.ext4"}
    stack.up()
