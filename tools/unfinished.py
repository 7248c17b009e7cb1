"""Settles what a killed run was making or removing on libvirt at that moment.

The state calls these pending operations. libvirt's provider makes nothing under a name that is
taken, and removes nothing that is gone, so without this the next run would stop there. What is
removed here was begun by this very stack: that it stands in its state says so.
"""

import json
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from tools import ToolError
from tools.progress import Progress

#: Runs `pulumi` with these arguments; what it prints.
Pulumi = Callable[[Sequence[str]], str]

# The engine's state is untyped by nature.
State = dict[str, Any]

#: Of each kind, by its type: virsh's commands to list, to stop and to remove.
_KINDS = {
    "libvirt:index/domain:Domain": ("list", "destroy", "undefine"),
    "libvirt:index/network:Network": ("net-list", "net-destroy", "net-undefine"),
    "libvirt:index/pool:Pool": ("pool-list", "pool-destroy", "pool-undefine"),
}
_LIMIT_SECONDS = 60


def settle(stack: str, pulumi: Pulumi, environ: Mapping[str, str], progress: Progress) -> None:
    """Remove what was half made, and forget what is gone. Does nothing if nothing is pending."""
    state: State = json.loads(pulumi(["stack", "export", "--stack", stack]))
    deployment: State = state["deployment"] or {}
    pending: list[State] = deployment.pop("pending_operations", None) or []
    if not pending:
        return
    progress.say("settling what it was in the middle of")
    for operation in pending:
        if operation["type"] == "creating":
            _remove(operation["resource"], deployment, environ, progress)
    with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
        json.dump(state, file)
        file.flush()
        pulumi(["stack", "import", "--file", file.name, "--stack", stack])
    going = [item["resource"]["urn"] for item in pending if item["type"] == "deleting"]
    if going:
        targets = [word for urn in going for word in ("--target", urn)]
        pulumi(["refresh", "--yes", "--skip-preview", *targets, "--stack", stack])


def _remove(
    resource: State, deployment: State, environ: Mapping[str, str], progress: Progress
) -> None:
    if resource["type"] not in _KINDS:
        return  # a volume is made anew over what there is, and other things are ours
    listing, stop, undefine = _KINDS[resource["type"]]
    name = str(resource["inputs"]["name"])
    provider = str(resource["provider"]).rpartition("::")[0]
    uri = next(str(it["inputs"]["uri"]) for it in deployment["resources"] if it["urn"] == provider)
    if shutil.which("virsh", path=environ.get("PATH")) is None:
        raise ToolError(
            f"{name} may be half made on {uri}, and virsh is not on PATH to look: install it "
            "(Debian: libvirt-clients) and run this again"
        )
    if name not in _virsh(uri, environ, listing, "--all", "--name").split():
        return
    progress.say(f"removing {name} from {uri}: it was half made")
    if name in _virsh(uri, environ, listing, "--name").split():
        _virsh(uri, environ, stop, name)
    _virsh(uri, environ, undefine, name)


def _virsh(uri: str, environ: Mapping[str, str], *words: str) -> str:
    done = subprocess.run(
        ["virsh", "--connect", uri, *words],
        env=environ,
        capture_output=True,
        text=True,
        timeout=_LIMIT_SECONDS,
        stdin=subprocess.DEVNULL,
    )
    if done.returncode != 0:
        raise ToolError(f"`virsh --connect {uri} {' '.join(words)}` failed: {done.stderr.strip()}")
    return done.stdout
