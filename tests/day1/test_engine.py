"""`RouterFiles` on the real engine: what a preview shows, a refresh finds, and a state holds."""

import json
import os
import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from typing import cast

import pytest

from tests.day1.conftest import CONFIRM, Pair
from tools.cli import PROJECT, search_path

pytestmark = [pytest.mark.twin, pytest.mark.engine, pytest.mark.timeout(600)]

BIRD, FIREWALL = "/etc/bird.conf", "/etc/config/firewall"
PASSWORDS = "/etc/bird-passwords.conf"

_PROGRAM = """
import json, os, pulumi
from day1.resources import RouterFiles, RouterFilesArgs
args = json.loads(open(os.environ["ROUTER"]).read())
args["private_key"] = pulumi.Output.secret(args["private_key"])
pulumi.export("revision", RouterFiles("dc1-router1", args=RouterFilesArgs(**args)).revision)
"""


@dataclass
class Stack:
    pair: Pair
    folder: Path
    files: dict[str, str]
    secret_files: dict[str, str]
    seen: list[str] = field(default_factory=list)

    def pulumi(self, *arguments: str, fails: bool = False) -> str:
        address = self.pair.first.address
        args = {
            "host": address.host,
            "host_key": address.host_key,
            "private_key": address.private_key,
            "files": self.files,
            "secret_files": self.secret_files,
            "answer_seconds": 10,
            "confirm_seconds": CONFIRM,
        }
        (self.folder / "router.json").write_text(json.dumps(args))
        environment = {
            **os.environ,
            "PATH": os.pathsep.join((search_path(), os.environ["PATH"])),
            "PYTHONPATH": str(PROJECT),
            "VIRTUAL_ENV": str(PROJECT / ".venv"),
            "PULUMI_BACKEND_URL": f"file://{self.folder}/state?metadata=skip",
            "PULUMI_CONFIG_PASSPHRASE": "",
            "PULUMI_SKIP_UPDATE_CHECK": "1",
            "PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION": "1",
            "ROUTER": str(self.folder / "router.json"),
        }
        done = subprocess.run(
            self.pair.lab.command(
                "pulumi", "--cwd", str(self.folder / "program"), "--non-interactive", *arguments
            ),
            env=environment,
            capture_output=True,
            text=True,
            timeout=180,
        )
        self.seen += [done.stdout, done.stderr]
        assert (done.returncode != 0) == fails, done.stdout + done.stderr
        return done.stdout + done.stderr

    def state(self) -> str:
        return self.pulumi("stack", "export", "--stack", "test")

    def outputs(self) -> dict[str, object]:
        resources = json.loads(self.state())["deployment"]["resources"]
        found = [item["outputs"] for item in resources if item["type"].endswith("RouterFiles")]
        return cast("dict[str, object]", found[0])

    def operations(self) -> list[str]:
        steps = json.loads(self.pulumi("preview", "--json", "--stack", "test"))["steps"]
        return [step["op"] for step in steps if "RouterFiles" in step["urn"]]


@pytest.fixture
def stack(pair: Pair, tmp_path: Path) -> Stack:
    if not Path(search_path().split(os.pathsep)[1], "pulumi").exists():
        pytest.skip("needs the Pulumi CLI (`make tools`)")
    program = tmp_path / "program"
    program.mkdir()
    (tmp_path / "state").mkdir()
    (program / "Pulumi.yaml").write_text("name: day1\nruntime: python\n")
    (program / "__main__.py").write_text(_PROGRAM)
    made = Stack(pair, tmp_path, pair.files(pair.first), pair.secret_files(pair.first))
    made.pulumi("stack", "init", "test")
    return made


def test_the_life_of_a_routers_files(stack: Stack) -> None:
    router, up = stack.pair.first, ("up", "--yes", "--skip-preview", "--stack", "test")
    session = router.session()
    stack.pulumi(*up)
    assert stack.operations() == []

    # A changed timer: one update, its text in the preview, no session lost but by its own word.
    stack.files[BIRD] = stack.files[BIRD].replace("scan time 1;", "scan time 2;")
    shown = stack.pulumi("preview", "--diff", "--stack", "test")
    assert "-   scan time 1;" in shown
    assert "+   scan time 2;" in shown
    assert stack.operations() == ["update"]
    before = stack.outputs()["revision"]
    stack.pulumi(*up)
    assert stack.outputs()["revision"] != before
    assert router.session() == session

    # A change by hand, of a file and of a secret one: found by a refresh, undone by the next `up`.
    router.file(FIREWALL).write_text(stack.files[FIREWALL] + "# by hand\n")
    router.file(PASSWORDS).write_text('define PASSWORD__PEERING = "by-hand-by-hand";\n')
    stack.pulumi("refresh", "--yes", "--skip-preview", "--stack", "test")
    shown = stack.pulumi("preview", "--diff", "--stack", "test")
    assert "- # by hand" in shown
    stack.pulumi(*up)
    assert router.text(FIREWALL) == stack.files[FIREWALL]
    assert router.text(PASSWORDS) == stack.secret_files[PASSWORDS]
    assert router.calls() == ["firewall reload"]
    assert stack.operations() == []

    # A change that is refused: the state keeps what the router has kept.
    good = dict(stack.files)
    stack.files[BIRD] = "router id nonsense;\n"
    shown = stack.pulumi(*up, fails=True)
    assert "refused /etc/bird.conf and runs on with what it had" in shown
    stack.files = good
    assert stack.operations() == []

    # A password, and a file that no service is known to read.
    stack.secret_files[PASSWORDS] = 'define PASSWORD__PEERING = "another-password";\n'
    stack.pulumi(*up)
    stack.files["/etc/motd"] = "hello\n"
    assert "no service is known that reads it" in stack.pulumi(*up, fails=True)
    del stack.files["/etc/motd"]

    # A router that is gone: a refresh says so and keeps the state, destroy does not need it.
    os.kill(router.process, 9)
    shown = stack.pulumi("refresh", "--yes", "--skip-preview", "--stack", "test", fails=True)
    assert "does not answer by SSH within 10 s" in shown
    stack.state()
    stack.pulumi("destroy", "--yes", "--skip-preview", "--stack", "test")

    everything = "\n".join(
        [*stack.seen, *(path.read_text() for path in (stack.folder / "state").rglob("*.json*"))]
    )
    key = stack.pair.first.address.private_key.splitlines()[2]
    for secret in ("peering-password-4711", "another-password", "by-hand-by-hand", key):
        assert secret not in everything, secret
