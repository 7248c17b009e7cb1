"""A twin waits for no provider's SDK, and libvirt for nothing of the twin's."""

import subprocess
import sys

import pytest

SDKS = ("pulumi_kubernetes", "pulumi_libvirt", "pulumiverse_talos")


@pytest.mark.parametrize(
    ("module", "unwanted"),
    [
        ("stacks.twin", (*SDKS, "components", "images", "day1")),
        ("stacks.libvirt", ("twin", "asyncssh")),
    ],
)
def test_what_a_stack_does_not_use_is_not_imported(module: str, unwanted: tuple[str, ...]) -> None:
    script = f"import program, {module}, sys; print(*sys.modules)"
    done = subprocess.run(
        (sys.executable, "-c", script), check=True, capture_output=True, text=True
    )
    packages = {name.partition(".")[0] for name in done.stdout.split()}
    assert not packages & set(unwanted)
