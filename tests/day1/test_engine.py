"""`RouterFiles` on the real engine: what a preview shows, a refresh finds, and a state holds."""

import os
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.day1.conftest import CONFIRM, Pair
from tests.engine.program import Program

pytestmark = [pytest.mark.twin, pytest.mark.engine, pytest.mark.timeout(600)]

BIRD, FIREWALL = "/etc/bird.conf", "/etc/config/firewall"
PASSWORDS = "/etc/bird-passwords.conf"

_PROGRAM = """
import json, os, pulumi
from day1.resources import RouterFiles, RouterFilesArgs
args = json.loads(open(os.environ["INPUTS"]).read())
args["private_key"] = pulumi.Output.secret(args["private_key"])
RouterFiles("dc1-router1", args=RouterFilesArgs(**args))
"""


@dataclass(frozen=True)
class Files:
    """What the router is to have, as the test changes it."""

    pair: Pair
    public: dict[str, str]
    secret: dict[str, str]

    def inputs(self) -> dict[str, object]:
        address = self.pair.first.address
        return {
            "host": address.host,
            "host_key": address.host_key,
            "private_key": address.private_key,
            "files": self.public,
            "secret_files": self.secret,
            "answer_seconds": 10,
            "confirm_seconds": CONFIRM,
        }


def test_the_life_of_a_routers_files(pair: Pair, tmp_path: Path) -> None:
    files = Files(pair, pair.files(pair.first), pair.secret_files(pair.first))
    stack = Program(tmp_path, files.inputs(), pair.lab.command)
    stack.init(_PROGRAM)
    router = pair.first
    session = router.session()
    stack.up()
    assert stack.operations() == []

    # A changed timer: one update, its text in the preview, no session lost but by its own word.
    files.public[BIRD] = files.public[BIRD].replace("scan time 1;", "scan time 2;")
    shown = stack.preview()
    assert "-   scan time 1;" in shown
    assert "+   scan time 2;" in shown
    assert stack.operations() == ["update"]
    before = stack.outputs_of("RouterFiles")["applied_at"]
    stack.up()
    assert stack.outputs_of("RouterFiles")["applied_at"] != before
    assert router.session() == session

    # A change by hand, of a file and of a secret one: found by a refresh, undone by the next `up`.
    router.file(FIREWALL).write_text(files.public[FIREWALL] + "# by hand\n")
    router.file(PASSWORDS).write_text('define PASSWORD__PEERING = "by-hand-by-hand";\n')
    stack.refresh()
    shown = stack.preview()
    assert "- # by hand" in shown
    stack.up()
    assert router.text(FIREWALL) == files.public[FIREWALL]
    assert router.text(PASSWORDS) == files.secret[PASSWORDS]
    assert router.calls() == ["firewall reload"]
    assert stack.operations() == []

    # A change that is refused: the state keeps what the router has kept.
    good = dict(files.public)
    files.public[BIRD] = "router id nonsense;\n"
    shown = stack.up(fails=True)
    assert "refused /etc/bird.conf and runs on with what it had" in shown
    files.public.update(good)
    assert stack.operations() == []

    # A password, and a file that no service is known to read.
    files.secret[PASSWORDS] = files.secret[PASSWORDS].replace("hush", "another-password")
    stack.up()
    files.public["/etc/motd"] = "hello\n"
    assert "no service is known that reads it" in stack.up(fails=True)
    del files.public["/etc/motd"]

    # A router that is gone: a refresh says so and keeps the state, destroy does not need it.
    os.kill(router.process, 9)
    shown = stack.refresh(fails=True)
    assert "does not answer by SSH within 10 s" in shown
    stack.state()
    stack.destroy()

    everything = stack.everything()
    key = pair.first.address.private_key.splitlines()[2]
    for secret in ("hush", "another-password", "by-hand-by-hand", key):
        assert secret not in everything, secret
