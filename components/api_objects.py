"""Waits for objects of the Kubernetes API that others make: nodes that join, CRDs of an operator.

Pulumi's own resources wait for what they made themselves. These are made by a kubelet and by
Cilium's operator, at a time that no resource tells.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pulumi
from pulumi.dynamic import CreateResult, DiffResult, Resource, ResourceProvider, UpdateResult

from components.api_server import ApiServer, Json, KubeconfigError, StatusError, api_server

# The engine's property maps are untyped by nature.
Props = dict[str, Any]

_POLL_SECONDS = 2.0
_PROGRESS_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class Wanted:
    """An object by its path in the API; `condition`, if named, must be `True` in its status."""

    path: str
    condition: str = ""


class NotThereError(RuntimeError):
    """The time is up. Names what is missing, and what to look at."""


def wait(kubeconfig: str, objects: Sequence[Wanted], limit_seconds: float, remedy: str) -> None:
    """Wait until all objects are there. Raises `NotThereError` with those that are not."""
    try:
        api = api_server(kubeconfig)
    except KubeconfigError as error:
        message = f"there is no kubeconfig yet: was the cluster bootstrapped? ({error})"
        raise NotThereError(message) from None
    began = reported = time.monotonic()
    while True:
        missing = _missing(api, objects)
        now = time.monotonic()
        if not missing:
            return
        if now - began > limit_seconds:
            listed = "\n".join(f"  - {reason}" for reason in missing)
            raise NotThereError(f"after {limit_seconds:.0f} s:\n{listed}\n{remedy}")
        if now - reported > _PROGRESS_SECONDS:
            reported = now
            print(f"waiting for {missing[0]} …", file=sys.stderr, flush=True)
        time.sleep(_POLL_SECONDS)


def _missing(api: ApiServer, objects: Sequence[Wanted]) -> list[str]:
    found = []
    for wanted in objects:
        try:
            item = api.get(wanted.path)
        except StatusError:
            found.append(f"{wanted.path} is not there")
            continue
        except OSError as error:
            return [f"{wanted.path}: the API does not answer ({error})"]
        if wanted.condition and not _holds(item, wanted.condition):
            found.append(f"{wanted.path} is not {wanted.condition}")
    return found


def _holds(item: Json, condition: str) -> bool:
    conditions = item.get("status", {}).get("conditions", [])
    return any(each["type"] == condition and each["status"] == "True" for each in conditions)


class ApiObjectsProvider(ResourceProvider):
    """Drives the waiting. Another kubeconfig for the same objects is no change."""

    def create(self, props: Props) -> CreateResult:
        _wait(props)
        return CreateResult("there", _kept(props))

    def diff(self, _id: str, _olds: Props, _news: Props) -> DiffResult:
        return DiffResult(changes=_olds["objects"] != _news["objects"])

    def update(self, _id: str, _olds: Props, _news: Props) -> UpdateResult:
        _wait(_news)
        return UpdateResult(_kept(_news))


def _wait(props: Props) -> None:
    objects = [Wanted(item["path"], item["condition"]) for item in props["objects"]]
    wait(props["kubeconfig"], objects, props["limit_seconds"], props["remedy"])


def _kept(props: Props) -> Props:
    return {"objects": props["objects"]}


class ApiObjects(Resource, module="kubernetes", name="ApiObjects"):
    """Stands when all of `objects` are there; fails after `limit_seconds` with what is missing."""

    def __init__(
        self,
        name: str,
        *,
        kubeconfig: pulumi.Output[str],
        objects: Sequence[Wanted],
        limit_seconds: int,
        remedy: str,
        opts: pulumi.ResourceOptions,
    ) -> None:
        inputs = {
            "kubeconfig": kubeconfig,
            "objects": [{"path": item.path, "condition": item.condition} for item in objects],
            "limit_seconds": limit_seconds,
            "remedy": remedy,
        }
        secret = pulumi.ResourceOptions(additional_secret_outputs=["kubeconfig"])
        super().__init__(
            ApiObjectsProvider(), name, inputs, pulumi.ResourceOptions.merge(opts, secret)
        )
