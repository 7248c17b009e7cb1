"""The stack's last resource: it stands when the network works."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pulumi
from pulumi.dynamic import (
    CreateResult,
    DiffResult,
    ReadResult,
    Resource,
    UpdateResult,
)

from twin.providers import TwinProvider

# The engine's property maps are untyped by nature.
Props = dict[str, Any]


class ConvergedProvider(TwinProvider):
    """Drives the waiting.

    What it waits with is imported when it waits: the plugin loads this module while it should be
    making machines.
    """

    def create(self, props: Props) -> CreateResult:
        return CreateResult(f"{props['stack']}-converged", _converged(props))

    def diff(self, _id: str, _olds: Props, _news: Props) -> DiffResult:
        keys = ("stack", "fabric", "machines")
        is_changed = any(_olds.get(key) != _news.get(key) for key in keys)
        return DiffResult(changes=is_changed or bool(_olds.get("missing")))

    def update(self, _id: str, _olds: Props, _news: Props) -> UpdateResult:
        return UpdateResult(_converged(_news))

    def read(self, id_: str, props: Props) -> ReadResult:
        from verify.waiting import missing, plan_of

        found = missing(props["stack"], plan_of(props["fabric"]))
        return ReadResult(id_, {**props, "missing": found})


class Converged(Resource, module="twin", name="Converged"):
    """Comes up when all sessions and routes of the plan are there; fails with what is missing.

    `fabric` are the settings that the plan was made of; `machines` say when each was last changed,
    so that every change is waited for.
    """

    def __init__(
        self,
        name: str,
        *,
        stack: str,
        fabric: Mapping[str, object],
        machines: Mapping[str, pulumi.Output[str]],
        opts: pulumi.ResourceOptions,
    ) -> None:
        inputs = {"stack": stack, "fabric": dict(fabric), "machines": dict(machines)}
        super().__init__(ConvergedProvider(), name, inputs, opts)


def _converged(props: Props) -> Props:
    from verify.waiting import plan_of, wait

    wait(props["stack"], plan_of(props["fabric"]))
    return {**{key: props[key] for key in ("stack", "fabric", "machines")}, "missing": []}
