"""Looking at a libvirt host, be it this machine or one that SSH reaches."""

from __future__ import annotations

import shlex
import subprocess
from pathlib import Path

from doctor.host import Host, parse
from doctor.uri import Way

_PROBE = Path(__file__).with_name("probe.sh")
_CONNECT_SECONDS = 20
_LIMIT_SECONDS = 60


class UnseenError(RuntimeError):
    """A host could not be looked at. Says what it answered."""


def can_look(way: Way) -> bool:
    """Whether there is a way to look: with TCP and TLS there is nothing but libvirt itself."""
    return way.is_local or way.transport == "ssh"


def look(way: Way, pool: str) -> Host:
    """What the host has. Raises `UnseenError`."""
    command = ["sh", "-s", "--", pool] if way.is_local else _ssh(way, pool)
    try:
        done = subprocess.run(
            command,
            input=_PROBE.read_text(),
            capture_output=True,
            text=True,
            timeout=_LIMIT_SECONDS,
        )
    except FileNotFoundError:
        raise UnseenError(f"{command[0]} is not on PATH: install openssh-client") from None
    except subprocess.TimeoutExpired:
        raise UnseenError(f"it said nothing for {_LIMIT_SECONDS} s: look at its load") from None
    if done.returncode != 0:
        raise UnseenError(_last_line(done.stderr) or f"{command[0]} ended with {done.returncode}")
    try:
        return parse(way.machine, done.stdout)
    except (LookupError, ValueError) as error:
        raise UnseenError(f"its answer is incomplete ({error}): is it Linux?") from None


def _ssh(way: Way, pool: str) -> list[str]:
    """Never ask for anything: whoever calls may not be there."""
    options = ["-o", "BatchMode=yes", "-o", f"ConnectTimeout={_CONNECT_SECONDS}"]
    if way.keyfile:
        options += ["-i", way.keyfile]
    if way.known_hosts:
        options += ["-o", f"UserKnownHostsFile={way.known_hosts}"]
    login = ["-p", str(way.port), *(["-l", way.user] if way.user else [])]
    return ["ssh", *options, *login, "--", str(way.host), f"sh -s -- {shlex.quote(pool)}"]


def _last_line(text: str) -> str:
    lines = text.strip().splitlines()
    return lines[-1] if lines else ""
