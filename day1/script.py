"""The one script that the router runs, and the commands that bring it there and call it."""

from __future__ import annotations

from functools import cache
from pathlib import Path

_BASE = "/etc/underlay"
_SCRIPT = f"{_BASE}/script.sh"

#: Where files lie while the router checks them; its complaints name them by this.
STAGED_FILES = f"{_BASE}/staged/files"

#: Receives the script by standard input: OpenWrt's dropbear brings no SFTP.
BRING = (
    f"umask 077; mkdir -p {_BASE} && cat >{_SCRIPT}.new && mv -f {_SCRIPT}.new {_SCRIPT}"
    f" && exec sh {_SCRIPT}"
)

#: Receives a tar archive by standard input. What an interrupted upload has left is in the way.
STAGE = f"umask 077; cd {_BASE} && rm -rf staged && mkdir staged && exec tar -x -f - -C staged"


@cache
def text() -> bytes:
    """The script."""
    return (Path(__file__).parent / "scripts" / "router.sh").read_bytes()


def bring(verb: str, *words: str) -> str:
    """The command that receives the script and then runs it."""
    return " ".join([BRING, verb, *words])


def call(verb: str, *words: str) -> str:
    """The command that runs the script that is there. Words are plain: nothing needs quoting."""
    return " ".join(["sh", _SCRIPT, verb, *words])
