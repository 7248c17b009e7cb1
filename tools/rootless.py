"""Runs a command as root of namespaces of our own, for users who are not root.

The namespaces outlive the command, since the twin's machines stand in them: a process that does
nothing holds them, one for each user, until no twin is left.
"""

import os
import select
import signal
import subprocess
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from tools import ToolError

#: The last word of the holder's command line, by which it is found again.
_MARK = "underlay-rootless"

_LIMIT_SECONDS = 10

#: `/run` must be ours to write: `ip netns` and the twin keep their files there.
_SCRIPT = f"""
set -e
mount -t tmpfs tmpfs /run
mkdir /run/netns
ip link set lo up
echo ready
exec {sys.executable} -c 'import signal; signal.pause()' {_MARK} </dev/null >/dev/null 2>&1
"""


def run(command: Sequence[str]) -> int:
    """Run the command in the user's namespaces and return its exit status.

    Root needs no namespaces of its own, and gets none.
    """
    if os.geteuid() == 0:
        return subprocess.call(command)
    holder = find_holder() or _start_holder()
    enter = [
        *("nsenter", "--target", str(holder), "--user", "--net", "--mount"),
        *("--preserve-credentials", f"--wd={Path.cwd()}", "--"),
    ]
    # Inside, the user is called root, whose home is not theirs.
    environment = {"PULUMI_HOME": str(Path.home() / ".pulumi"), **os.environ}
    try:
        return subprocess.call([*enter, *command], env=environment)
    finally:
        if not _is_in_use(holder):
            _end(holder)


def find_holder() -> int | None:
    """The process that holds this user's namespaces, if there is one."""
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with suppress(OSError):
                words = (entry / "cmdline").read_bytes().rstrip(b"\0").split(b"\0")
                if words[-1] == _MARK.encode() and entry.stat().st_uid == os.geteuid():
                    return int(entry.name)
    return None


def _start_holder() -> int:
    command = ["unshare", "--user", "--map-root-user", "--net", "--mount", "sh", "-c", _SCRIPT]
    holder = subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    assert holder.stdout is not None
    readable, _, _ = select.select([holder.stdout], [], [], _LIMIT_SECONDS)
    if readable and holder.stdout.readline() == "ready\n":
        return holder.pid
    holder.kill()
    _, complaint = holder.communicate()
    raise ToolError(
        "you are not root, and this kernel gives you no user namespace "
        f"({complaint.strip() or 'no answer'}): run it as root, or allow user namespaces "
        "(sysctl kernel.unprivileged_userns_clone=1, "
        "or kernel.apparmor_restrict_unprivileged_userns=0)"
    )


def _is_in_use(holder: int) -> bool:
    """Whether a twin stands in the namespaces: its stacks' folders are in their `/run`."""
    return Path(f"/proc/{holder}/root/run/underlay").is_dir()


def _end(holder: int) -> None:
    with suppress(ProcessLookupError):
        os.kill(holder, signal.SIGTERM)
