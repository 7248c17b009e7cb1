"""A stack from its outputs, as the engine's command prints them."""

import json
import os
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from config.load import load
from config.plan import make_plan
from verify.deployed import NotDeployedError, deployed
from verify.libvirt_stack import LibvirtStack
from verify.twin_stack import TwinStack

Outputs = dict[str, object]
Prepare = Callable[[Outputs, Outputs], Path]

FABRIC: Outputs = {"datacentres": [{"name": "ams", "index": 1, "nodes": {"controlplanes": 1}}]}
WAYS: Outputs = {
    "fabric": FABRIC,
    "libvirt": {"cilium": {"version": "1.19.5"}},
    "host_keys": {"ams-router1": "ssh-ed25519 AAAA"},
}
HIDDEN = "[secret]"
SECRETS: Outputs = {"management_key": "the-private-key", "kubeconfig": "the-kubeconfig"}


@pytest.fixture
def engine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Prepare:
    """A `pulumi` that knows these outputs of the stack `mine`, and writes down how it is called."""

    def prepare(shown: Outputs, with_secrets: Outputs) -> Path:
        (tmp_path / "shown").write_text(json.dumps(shown))
        (tmp_path / "secret").write_text(json.dumps(with_secrets))
        calls = tmp_path / "calls"
        program = tmp_path / "pulumi"
        program.write_text(
            "#!/bin/sh\n"
            f'echo "$*" >>{calls}\n'
            'case "$*" in\n'
            f"*mine*--show-secrets*) exec cat {tmp_path}/secret ;;\n"
            f"*mine*) exec cat {tmp_path}/shown ;;\n"
            "*) echo \"error: no stack named 'other' found\" >&2; exit 255 ;;\n"
            "esac\n"
        )
        program.chmod(program.stat().st_mode | stat.S_IXUSR)
        monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
        return calls

    return prepare


def test_a_twin_is_found_by_its_settings_and_asked_for_no_secrets(engine: Prepare) -> None:
    calls = engine({"fabric": FABRIC}, {})
    assert deployed("mine") == TwinStack("mine", make_plan(load(FABRIC)))
    assert calls.read_text() == "stack output --json --stack mine\n"


def test_a_stack_on_libvirt_comes_with_the_ways_to_its_machines(engine: Prepare) -> None:
    engine({**WAYS, **dict.fromkeys(SECRETS, HIDDEN)}, {**WAYS, **SECRETS})
    found = deployed("mine")
    assert isinstance(found, LibvirtStack)
    assert [router.name for router in found.plan.routers] == ["ams-router1"]
    assert found.host_keys == WAYS["host_keys"]
    assert found.management_key == "the-private-key"
    assert found.kubeconfig == "the-kubeconfig"
    assert "the-" not in repr(found)


def test_secrets_are_on_no_command_line(engine: Prepare) -> None:
    calls = engine({**WAYS, **dict.fromkeys(SECRETS, HIDDEN)}, {**WAYS, **SECRETS})
    deployed("mine")
    assert "the-" not in calls.read_text()


def test_a_stack_of_routers_alone_has_no_kubeconfig_and_no_nodes(engine: Prepare) -> None:
    outputs = {**WAYS, "libvirt": {"cluster": False}, "management_key": HIDDEN}
    engine(outputs, {**outputs, "management_key": "the-private-key"})
    found = deployed("mine")
    assert isinstance(found, LibvirtStack)
    assert found.kubeconfig is None
    assert found.plan.nodes == ()


def test_a_stack_that_is_not_deployed_is_named_with_the_engines_words_and_what_to_do(
    engine: Prepare,
) -> None:
    engine({}, {})
    with pytest.raises(NotDeployedError) as caught:
        deployed("other")
    assert str(caught.value) == (
        "no settings of a deployed stack other (error: no stack named 'other' found): "
        "`make up STACK=other`"
    )


def test_a_stack_that_was_never_brought_up_is_said_to_have_no_outputs(engine: Prepare) -> None:
    engine({}, {})
    with pytest.raises(NotDeployedError, match="mine has no settings in its outputs yet: `make up"):
        deployed("mine")


def test_without_an_engine_the_message_says_so(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(NotDeployedError, match="No such file or directory: 'pulumi'"):
        deployed("mine")


def test_secrets_that_cannot_be_read_are_said_to_be(engine: Prepare) -> None:
    calls = engine({**WAYS, **dict.fromkeys(SECRETS, HIDDEN)}, {})
    program = calls.with_name("pulumi")
    text = program.read_text()
    refusal = "echo 'error: passphrase must be set' >&2; exit 255"
    program.write_text(text.replace(f"exec cat {calls.parent}/secret", refusal))
    with pytest.raises(NotDeployedError, match=r"secrets of the stack mine .*passphrase must be"):
        deployed("mine")
