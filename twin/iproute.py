"""The kernel's links, addresses and routes by `ip -batch`, one process for all of a namespace's.

A process a command would cost 16 datacentres × 4 nodes half a second; so would a netlink library
in Python, while one of our own would save a tenth (docs/benchmarks.md).
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterable, Sequence

from config.families import Family
from twin import namespaces

#: How long one batch may take. Thousands of commands take less than a second.
_LIMIT_SECONDS = 60


class IpError(RuntimeError):
    """`ip` refused a command of a batch."""


def batch(namespace: str, commands: Sequence[str], family: Family | None = None) -> None:
    """Run the commands in the namespace, in order, up to the first that fails.

    `family` is that of commands whose words do not tell.
    """
    if commands:
        _run(namespace, ["ip", *_options(family), "-batch", "-"], commands)


def query(
    namespace: str, queries: Sequence[str], family: Family | None = None
) -> list[list[dict[str, object]]]:
    """The answer to each query, as `ip -json` gives it: of one family, or as `ip` itself does."""
    text = _run(namespace, ["ip", *_options(family), "-json", "-batch", "-"], queries)
    answers: list[list[dict[str, object]]] = []
    decoder = json.JSONDecoder()
    position = 0
    while position < len(text):
        answer, end = decoder.raw_decode(text, position)
        answers.append([item for item in answer if item])
        position = end + len(text[end:]) - len(text[end:].lstrip())
    return answers


def _options(family: Family | None) -> list[str]:
    return [] if family is None else [f"-{family.version}"]


def _run(namespace: str, command: Sequence[str], lines: Iterable[str]) -> str:
    script = "".join(f"{line}\n" for line in lines)
    with namespaces.inside(namespace):
        done = subprocess.run(
            command, input=script, capture_output=True, text=True, timeout=_LIMIT_SECONDS
        )
    if done.returncode != 0:
        raise IpError(_explain(namespace, script, done.stderr))
    return done.stdout


def _explain(namespace: str, script: str, complaint: str) -> str:
    """`ip` names the line's number; the reader wants the line."""
    words = complaint.strip().splitlines()
    number = words[-1].rpartition(":")[2] if words else ""
    line = script.splitlines()[int(number) - 1] if number.isdigit() else script.rstrip()
    return (
        f"in namespace {namespace}, ip refused `{line}`: {words[0] if words else 'no reason given'}"
    )
