"""A twin waits for no provider's SDK, and libvirt for nothing of the twin's."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tools.cli import PROJECT

SDKS = ("pulumi_kubernetes", "pulumi_libvirt", "pulumiverse_talos")

#: What requirements-libvirt.in has and a twin's environment has not.
LIBVIRTS_OWN = (*SDKS, "asyncssh", "httpx")


@pytest.mark.parametrize(
    ("module", "unwanted"),
    [
        ("stacks.twin", (*LIBVIRTS_OWN, "components", "images", "day1")),
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


@pytest.mark.parametrize(
    ("command", "options", "said"),
    [
        ("doctor", [], "twin"),
        ("verify", [], "no settings of a deployed stack"),
        ("observability", ["--into", "."], "no outputs of a stack"),
    ],
)
def test_commands_for_a_twin_make_do_with_its_environment(
    command: str, options: list[str], said: str, tmp_path: Path
) -> None:
    (tmp_path / "Pulumi.twin.yaml").write_text("config: {}")
    script = (
        "import runpy, sys\n"
        f"sys.modules.update(dict.fromkeys({LIBVIRTS_OWN!r}))\n"
        f"sys.argv = {[command, '--stack', 'twin', *options]!r}\n"
        f"runpy.run_module({command!r}, run_name='__main__')\n"
    )
    done = subprocess.run(
        (sys.executable, "-c", script),
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(PROJECT), "PULUMI_BACKEND_URL": f"file://{tmp_path}"},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert "ModuleNotFoundError" not in done.stderr
    assert said in done.stdout + done.stderr
