import io
import json
import os
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from tools import ToolError
from tools.progress import Progress
from tools.unfinished import State, settle

Executable = Callable[[Path, str], Path]

PROVIDER = "urn:pulumi:dev::underlay::pulumi:providers:libvirt::provider"
DOMAIN = "libvirt:index/domain:Domain"


def operation(kind: str, type_: str, name: str) -> State:
    resource = {
        "urn": f"urn:pulumi:dev::underlay::{type_}::{name}",
        "type": type_,
        "inputs": {"name": f"underlay-dev-{name}"},
        "provider": f"{PROVIDER}::04da6b54",
    }
    return {"type": kind, "resource": resource}


class Engine:
    """Answers with a state, and keeps what it was told."""

    def __init__(self, *pending: State) -> None:
        known = [{"urn": PROVIDER, "inputs": {"uri": "qemu:///system"}}]
        deployment = {"resources": known, "pending_operations": list(pending)}
        self.state: State = {"version": 3, "deployment": deployment}
        self.calls: list[list[str]] = []

    def __call__(self, words: Sequence[str]) -> str:
        self.calls.append(list(words))
        if "import" in words:
            self.state = json.loads(Path(words[words.index("--file") + 1]).read_text())
        return json.dumps(self.state)


@pytest.fixture
def virsh(tmp_path: Path, executable: Executable) -> dict[str, str]:
    """A virsh that knows one domain, which runs."""
    script = f"""
shift 2
echo "$*" >> {tmp_path}/calls
case $1 in list) echo underlay-dev-router ;; pool-list) exit 1 ;; esac
"""
    executable(tmp_path / "virsh", script)
    return {"PATH": f"{tmp_path}:{os.environ['PATH']}"}


def test_a_state_without_pending_operations_is_left_alone(
    virsh: dict[str, str], progress: Progress, said: io.StringIO
) -> None:
    engine = Engine()
    settle("dev", engine, virsh, progress)
    assert engine.calls == [["stack", "export", "--stack", "dev"]]
    assert said.getvalue() == ""


def test_what_was_half_made_is_removed_and_struck_from_the_state(
    virsh: dict[str, str], progress: Progress, tmp_path: Path
) -> None:
    engine = Engine(operation("creating", DOMAIN, "router"))
    settle("dev", engine, virsh, progress)
    assert (tmp_path / "calls").read_text().splitlines() == [
        "list --all --name",
        "list --name",
        "destroy underlay-dev-router",
        "undefine underlay-dev-router",
    ]
    assert "pending_operations" not in engine.state["deployment"]


def test_what_was_never_made_is_only_struck(
    virsh: dict[str, str], progress: Progress, tmp_path: Path
) -> None:
    engine = Engine(
        operation("creating", DOMAIN, "other"),
        operation("creating", "pulumi-python:dynamic/day1:RouterFiles", "files"),
    )
    settle("dev", engine, virsh, progress)
    assert (tmp_path / "calls").read_text() == "list --all --name\n"
    assert "pending_operations" not in engine.state["deployment"]


def test_what_was_being_removed_is_looked_for(virsh: dict[str, str], progress: Progress) -> None:
    pending = operation("deleting", DOMAIN, "router")
    engine = Engine(pending)
    settle("dev", engine, virsh, progress)
    (*_, refresh) = engine.calls
    assert refresh[0] == "refresh"
    assert refresh[refresh.index("--target") + 1] == pending["resource"]["urn"]


def test_a_libvirt_that_does_not_answer_is_quoted_and_the_state_kept(
    virsh: dict[str, str], progress: Progress
) -> None:
    engine = Engine(operation("creating", "libvirt:index/pool:Pool", "pool"))
    with pytest.raises(ToolError, match=r"qemu:///system pool-list .* failed"):
        settle("dev", engine, virsh, progress)
    assert len(engine.calls) == 1


def test_without_virsh_the_message_names_what_may_be_half_made(progress: Progress) -> None:
    engine = Engine(operation("creating", DOMAIN, "router"))
    with pytest.raises(ToolError, match="underlay-dev-router may be half made on qemu:///system"):
        settle("dev", engine, {"PATH": "/nowhere"}, progress)
