"""The router's files as Pulumi's engine drives them: check, create, read, diff, update, delete.

The outputs are the inputs and a time: `read` is given nothing else, and what it found on the
router becomes the inputs, so that the next preview shows a hand edit as text. The engine keeps
secret in the outputs what is secret in the inputs.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

from pulumi.dynamic import (
    CheckFailure,
    CheckResult,
    CreateResult,
    DiffResult,
    ReadResult,
    ResourceProvider,
    UpdateResult,
)

from day1 import router
from day1.router import Limits
from day1.services import reader
from day1.ssh import Address

# The engine's property maps are untyped by nature; this module is where they get types.
Props = dict[str, Any]

#: What makes a difference to the router. How long one waits for it does not.
_MEANINGFUL = ("host", "port", "user", "host_key", "private_key", "machine")
_MAPS = ("files", "secret_files")
_INPUTS = (*_MEANINGFUL, *_MAPS, "answer_seconds", "confirm_seconds")

#: A router that is looked at or changed has booted long ago.
_BOOTED_ANSWER_SECONDS = 30.0


class RouterFilesProvider(ResourceProvider):
    """Drives a router's files. Every operation may be repeated."""

    def check(self, _olds: Props, news: Props) -> CheckResult:
        failures = [
            CheckFailure(key, f"{path}: no service is known that reads it")
            for key in _MAPS
            for path in _map(news, key)
            if reader(path) is None
        ]
        return CheckResult({key: news[key] for key in _INPUTS}, failures)

    def create(self, props: Props) -> CreateResult:
        _apply(props, formerly=(), answer_seconds=float(props["answer_seconds"]))
        return CreateResult(str(_address(props)), _applied_now(props))

    def diff(self, _id: str, _olds: Props, _news: Props) -> DiffResult:
        keys = (*_MEANINGFUL, *_MAPS)
        return DiffResult(changes=any(_olds.get(key) != _news.get(key) for key in keys))

    def update(self, _id: str, _olds: Props, _news: Props) -> UpdateResult:
        is_new = _olds["machine"] != _news["machine"]
        _apply(
            _news,
            formerly=(*_olds["files"], *_olds["secret_files"]),
            answer_seconds=_news["answer_seconds"] if is_new else _booted(_news),
        )
        return UpdateResult(_applied_now(_news))

    def read(self, id_: str, props: Props) -> ReadResult:
        paths = (*props["files"], *props["secret_files"])
        present = asyncio.run(router.read(_address(props), paths, _booted(props)))
        found = {
            **{key: props[key] for key in _INPUTS},
            **{
                key: {path: present[path] for path in props[key] if path in present}
                for key in _MAPS
            },
        }
        return ReadResult(id_, {**found, "applied_at": props.get("applied_at")}, found)

    def delete(self, _id: str, _props: Props) -> None:
        """Nothing: the files go with their machine."""


def _apply(props: Props, *, formerly: Iterable[str], answer_seconds: float) -> None:
    limits = Limits(answer=float(answer_seconds), confirm=int(props["confirm_seconds"]))
    asyncio.run(
        router.apply(_address(props), props["files"], props["secret_files"], formerly, limits)
    )


def _address(props: Props) -> Address:
    return Address(
        host=props["host"],
        host_key=props["host_key"],
        private_key=props["private_key"],
        port=int(props["port"]),
        user=props["user"],
    )


def _booted(props: Props) -> float:
    return min(float(props["answer_seconds"]), _BOOTED_ANSWER_SECONDS)


def _applied_now(props: Props) -> Props:
    now = datetime.now(UTC).isoformat()
    return {**{key: props[key] for key in _INPUTS}, "applied_at": now}


def _map(props: Props, key: str) -> dict[str, str]:
    """A map of files, or nothing while it is not known yet."""
    found = props.get(key)
    return found if isinstance(found, dict) else {}
