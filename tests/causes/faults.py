"""Faults on a standing twin, made as somebody or something would make them, and taken back."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace

from render.yaml_text import yaml_text
from tests.security.standing import Standing
from twin import iproute, manifest
from twin.machine import run_nft
from twin.manifest import Manifest
from twin.node import Node
from verify import announcements, probes, reach
from verify.causes.explain import explained
from verify.causes.twin_witness import TwinWitness
from verify.compare import all_differences
from verify.twin_stack import TwinStack

_LIMIT_SECONDS = 60

#: What to make of a document: another, or None for none at all.
Change = Callable[[Manifest], Manifest | None]


def named_at_last(fabric: Standing, *causes: str, asks: bool = False, sends: bool = False) -> None:
    """Wait until these causes are named, and no other."""
    deadline = time.monotonic() + _LIMIT_SECONDS
    while (found := named(fabric, asks=asks, sends=sends)) != set(causes):
        assert time.monotonic() < deadline, f"not {causes} in {_LIMIT_SECONDS} s but {found}"
        time.sleep(0.1)


def named(fabric: Standing, *, asks: bool = False, sends: bool = False) -> set[str]:
    """The causes that the verification names of sessions, routes and announcements.

    But for what only follows from a session that is lost. Services are asked if `asks`, and pods
    send to each other and to the WAN if `sends`.
    """
    stack = TwinStack(fabric.stack, fabric.plan)
    expected = stack.speakers()
    findings = list(all_differences(expected.values(), stack.look(expected.values())))
    answers = probes.ask_routers(fabric.stack, fabric.plan)
    findings += announcements.findings(fabric.plan, answers)
    if asks:
        findings += stack.remaining()
    if sends:
        findings += reach.findings(fabric.plan, reach.probe(fabric.stack, fabric.plan))
    witness = TwinWitness(fabric.stack, fabric.plan)
    return {
        cause.cause
        for finding in explained(fabric.plan, findings, witness)
        for cause in finding.causes
        if not cause.cause.startswith("the session with ")
    }


@contextmanager
def rules(fabric: Standing, machine: str, *texts: str, hook: str = "input") -> Iterator[None]:
    """Rules that somebody put there by hand, before the machine's own."""
    place = fabric.place(machine)
    script = [
        "table inet stray {",
        f"chain {hook} {{ type filter hook {hook} priority -10;",
        *texts,
        "}",
        "}",
    ]
    run_nft(place, ["-f", "-"], "\n".join(script))
    try:
        yield
    finally:
        run_nft(place, ["delete", "table", "inet", "stray"])


@contextmanager
def edited(fabric: Standing, router: str, path: str, old: str, new: str) -> Iterator[None]:
    """A file that somebody changed by hand, and loaded."""
    file = fabric.place(router).folder / path.lstrip("/")
    before = file.read_text()
    assert old in before
    file.write_text(before.replace(old, new))
    fabric.birdc(router, "configure")
    try:
        yield
    finally:
        file.write_text(before)
        fabric.birdc(router, "configure")


@contextmanager
def ip(fabric: Standing, machine: str, do: str, undo: str) -> Iterator[None]:
    """What somebody did to links, addresses or routes."""
    namespace = fabric.place(machine).namespace
    iproute.batch(namespace, [do])
    try:
        yield
    finally:
        iproute.batch(namespace, undo.splitlines())


@contextmanager
def redeployed(fabric: Standing, change: Change, *machines: str) -> Iterator[None]:
    """Documents of the cluster that somebody changed, as these nodes see them; else as all do."""
    names = machines or tuple(node.name for node in fabric.plan.nodes)
    before = {name: fabric.machine(name) for name in names}
    try:
        for name, node in before.items():
            assert isinstance(node, Node)
            changed = [change(manifest.document(text)) for text in node.manifests]
            texts = tuple(yaml_text(dict(item)) for item in changed if item is not None)
            fabric.put(name, replace(node, manifests=texts))
        yield
    finally:
        for name, node in before.items():
            fabric.put(name, node)


def without(kind: str) -> Change:
    """As if nobody had made any of these."""
    return lambda document: None if document.get("kind") == kind else document


def with_text(kind: str, old: str, new: str) -> Change:
    """With other words in each document of a kind."""

    def change(document: Manifest) -> Manifest:
        if document.get("kind") != kind:
            return document
        text = yaml_text(dict(document))
        return manifest.document(text.replace(old, new))

    return change


def gobgp(fabric: Standing, node: str, *words: str) -> None:
    """A command to a node's GoBGP."""
    target = f"unix://{fabric.place(node).folder / 'gobgp.sock'}"
    command = ["gobgp", "--target", target, *words]
    done = subprocess.run(command, capture_output=True, text=True, timeout=_LIMIT_SECONDS)
    assert done.returncode == 0, done.stdout + done.stderr
