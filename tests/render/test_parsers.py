"""Each file is what its own reader takes."""

import shutil
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory

import pytest
import yaml
from hypothesis import given, settings

from config.plan import Plan
from render import bird, keepalived
from render.artifacts import RouterArtifacts, render
from tests.render.plans import PLANS, dual_stack, pairs_of_routers_with_passwords, plans, texts_of
from tests.render.secrets import all_files

SBIN = "/usr/local/sbin:/usr/sbin:/sbin"


def program(name: str) -> str | None:
    return shutil.which(name) or shutil.which(name, path=SBIN)


needs_bird = pytest.mark.skipif(program("bird") is None, reason="bird is not installed")
needs_keepalived = pytest.mark.skipif(
    program("keepalived") is None, reason="keepalived is not installed"
)
every_plan = pytest.mark.parametrize("plan", [make() for make in PLANS.values()], ids=PLANS)


def what_bird_says(router: RouterArtifacts) -> str:
    with TemporaryDirectory() as folder:
        for path, text in all_files(router).items():
            (Path(folder) / PurePosixPath(path).name).write_text(text)
        configuration = Path(folder) / PurePosixPath(bird.CONFIGURATION).name
        return complaints(["bird", "-p", "-c", str(configuration)])


def complaints(command: list[str]) -> str:
    """What the program has to say against the file; empty when nothing."""
    found = program(command[0])
    assert found is not None
    result = subprocess.run([found, *command[1:]], capture_output=True, text=True, check=False)
    return (result.stdout + result.stderr).strip() or ("" if result.returncode == 0 else "failed")


#: keepalived's script is a program of the system. In a user namespace, where the system's programs
#: are nobody's, its script security would take it for unsafe and not run it.
_SCRIPT_BY_ROOT = "SECURITY VIOLATION - scripts are being executed but script_security not enabled."


@needs_bird
@every_plan
def test_bird_takes_every_configuration(plan: Plan) -> None:
    for router in render(plan).routers.values():
        assert what_bird_says(router) == ""


@needs_bird
@given(plan=plans())
@settings(max_examples=15, deadline=None)
def test_bird_takes_the_configuration_of_any_fabric(plan: Plan) -> None:
    for router in render(plan).routers.values():
        assert what_bird_says(router) == ""


@needs_keepalived
def test_keepalived_takes_its_configuration(tmp_path: Path) -> None:
    file = tmp_path / "keepalived.conf"
    for plan in (pairs_of_routers_with_passwords(), dual_stack()):
        for router in render(plan).routers.values():
            if text := router.files.get(keepalived.CONFIGURATION):
                file.write_text(text)
                found = complaints(["keepalived", "--config-test", "--use-file", str(file)])
                assert found == _SCRIPT_BY_ROOT


@every_plan
def test_yaml_reads_back_as_what_was_written(plan: Plan) -> None:
    for path, text in texts_of(plan).items():
        if path.endswith(".yaml"):
            assert all(isinstance(document, dict) for document in yaml.safe_load_all(text))


@every_plan
def test_sysctl_takes_every_setting(plan: Plan) -> None:
    for path, text in texts_of(plan).items():
        if "/sysctl.d/" in path:
            for name, value in sysctls(text).items():
                assert name.startswith(("net.ipv4.", "net.ipv6."))
                assert value.isdigit()


def sysctls(text: str) -> Mapping[str, str]:
    return dict(_assignments(text))


def _assignments(text: str) -> Iterator[tuple[str, str]]:
    for line in text.splitlines():
        if line and not line.startswith("#"):
            name, value = line.split(" = ")
            yield name, value
