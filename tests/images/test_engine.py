"""The images on the real engine: what a preview says, what a state holds, what a destroy leaves."""

import json
import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.images import ext4
from tools.cli import PROJECT, search_path

pytestmark = [pytest.mark.engine, pytest.mark.timeout(600)]

#: Before a test has a cache of its own.
_SEARCH_PATH = search_path()

_PROGRAM = """
import json, os, pulumi
from config.images import OpenWrtImage, TalosImage
from images.resources import RouterImage, RouterImageArgs, TalosBoot

wanted = json.loads(open(os.environ["WANTED"]).read())
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


@dataclass
class Stack:
    folder: Path
    wanted: dict[str, object]

    def pulumi(self, *arguments: str, fails: bool = False) -> str:
        (self.folder / "wanted.json").write_text(json.dumps(self.wanted))
        environment = {
            **os.environ,
            "PATH": os.pathsep.join((_SEARCH_PATH, os.environ["PATH"])),
            "PYTHONPATH": str(PROJECT),
            "VIRTUAL_ENV": str(PROJECT / ".venv"),
            "PULUMI_BACKEND_URL": f"file://{self.folder}/state?metadata=skip",
            "PULUMI_CONFIG_PASSPHRASE": "",
            "PULUMI_SKIP_UPDATE_CHECK": "1",
            "PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION": "1",
            "WANTED": str(self.folder / "wanted.json"),
        }
        done = subprocess.run(
            ("pulumi", "--cwd", self.folder / "program", "--non-interactive", *arguments),
            env=environment,
            capture_output=True,
            text=True,
            timeout=300,
        )
        assert (done.returncode != 0) == fails, done.stdout + done.stderr
        return done.stdout + done.stderr

    def outputs(self) -> dict[str, str | None]:
        shown: dict[str, str | None] = json.loads(self.pulumi("stack", "output", "--json"))
        return shown


@pytest.fixture
def stack(tmp_path: Path) -> Stack:
    for name in ("program", "state"):
        (tmp_path / name).mkdir()
    (tmp_path / "program" / "Pulumi.yaml").write_text("name: lab\nruntime: python\n")
    (tmp_path / "program" / "__main__.py").write_text(_PROGRAM)
    for name in ("kernel", "initramfs"):
        (tmp_path / name).write_text(name)
    # A relative path is one from the program's folder.
    ext4.make(tmp_path / "program" / "root.ext4")
    made = Stack(
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
    made.pulumi("stack", "init", "test")
    return made


def test_from_up_to_destroy(stack: Stack, home: Path) -> None:
    stack.pulumi("up", "--yes")
    first = stack.outputs()
    root = Path(str(first["root"]))
    assert root.parent == home / "routers" / "lab-test"
    assert root.name.startswith("dc1-router1-image-")
    assert Path(str(first["kernel"])).read_text() == "kernel"
    assert Path(str(first["initramfs"])).read_text() == "initramfs"
    assert (first.get("initrd"), first.get("iso")) == (None, None)
    assert "dropbear-secret-key" not in stack.pulumi("stack", "export")
    stack.pulumi("preview", "--expect-no-changes")

    # Another day 0 is another machine: the preview says so, and the old image goes last.
    stack.wanted["network"] = "config interface 'other'\n"
    preview = stack.pulumi("preview", "--diff")
    assert "config interface 'other'" in preview
    assert "++images:RouterImage" in preview.replace(" ", "") or "replace" in preview
    assert "dropbear-secret-key" not in preview
    stack.pulumi("up", "--yes")
    second = Path(str(stack.outputs()["root"]))
    assert second != root
    assert second.exists()
    assert not root.exists()

    # What somebody removed is made again, under its old name.
    second.unlink()
    stack.pulumi("up", "--yes", "--refresh")
    assert Path(str(stack.outputs()["root"])) == second
    assert second.exists()
    stack.pulumi("preview", "--refresh", "--expect-no-changes")

    stack.pulumi("destroy", "--yes")
    assert list((home / "routers").iterdir()) == []
    assert Path(str(first["kernel"])).exists()


def test_a_missing_file_is_named_by_the_preview(stack: Stack) -> None:
    stack.wanted["openwrt"] = {"kernel": "/none/kernel", "root": "root.ext4"}
    said = stack.pulumi("preview", fails=True)
    assert "dc1-router1-image" in said
    assert "/none/kernel does not exist: put it there" in said


def test_an_image_without_bird_is_named_and_the_next_up_goes_on(stack: Stack) -> None:
    ext4.make(stack.folder / "program" / "bare.ext4", {"etc/config/network": b""})
    kernel = str(stack.folder / "kernel")
    stack.wanted["openwrt"] = {"kernel": kernel, "root": "bare.ext4"}
    said = stack.pulumi("up", "--yes", fails=True)
    assert "the root for router dc1-router1-image has no /usr/sbin/bird (package bird2)" in said
    assert "Traceback" not in said
    stack.wanted["openwrt"] = {"kernel": kernel, "root": "root.ext4"}
    stack.pulumi("up", "--yes")
