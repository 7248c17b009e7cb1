"""What is said to a router: read your files, and take these, unless that would cut you off."""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from day1 import script
from day1.bundle import Change, difference, unpack
from day1.errors import CutOffError, RefusedError, RouterError, UnreachableError
from day1.secrecy import without_secrets
from day1.services import readers
from day1.ssh import Address, Answer, Connection, connected

_POLL_SECONDS = 0.1

#: What it may take a router to put things back, and to be reachable again.
_RECOVERY_SECONDS = 20.0


@dataclass(frozen=True, slots=True)
class Limits:
    """Seconds: until a router answers, and until an unconfirmed change is taken back."""

    answer: float
    confirm: int


async def read(address: Address, paths: Iterable[str], within_seconds: float) -> dict[str, str]:
    """The texts of those of these files that the router has."""
    async with connected(address, within_seconds) as connection:
        return await _read(connection, paths)


async def apply(
    address: Address,
    files: Mapping[str, str],
    secret_files: Mapping[str, str],
    formerly: Iterable[str],
    limits: Limits,
) -> Change | None:
    """Bring the router to have these files; returns what was changed.

    Of the files that it had `formerly` from us, those that are no longer wanted are removed.
    Raises `RefusedError` or `CutOffError` when the router has kept, or taken back, what it had.
    """
    ident = secrets.token_hex(8)
    async with connected(address, limits.answer) as connection:
        _must(await connection.run(script.bring("resolve"), script.text()), "clean up", address)
        present = await _read(connection, {*files, *secret_files, *formerly})
        change = difference(files, secret_files, present)
        if change is None:
            return None
        hidden = (*secret_files.values(), *(present.get(path, "") for path in secret_files))
        try:
            await _check(connection, address, change, limits)
            began = time.monotonic()
            _must(await connection.run(script.call("begin", ident)), "start the change", address)
        except RouterError as error:
            raise type(error)(without_secrets(str(error), hidden)) from None
        state, words = await _watch(connection, ident)
    if state == "refused":
        raise RefusedError(without_secrets(_refusal(address, change, words), hidden))
    await _confirm(address, ident, change, limits, began)
    return change


async def _read(connection: Connection, paths: Iterable[str]) -> dict[str, str]:
    answer = await connection.run(script.bring("collect", *sorted(paths)), script.text())
    return unpack(answer.output)


async def _check(connection: Connection, address: Address, change: Change, limits: Limits) -> None:
    _must(await connection.run(script.STAGE, change.archive(limits.confirm)), "take files", address)
    answer = await connection.run(script.call("check"))
    if answer.status != 0:
        said = (answer.complaints or answer.output.decode(errors="replace")).strip()
        raise RefusedError(_refusal(address, change, said.replace(script.STAGED_FILES, "")))


async def _watch(connection: Connection, ident: str) -> tuple[str, str]:
    """Until the files are loaded or refused, or the connection does not survive it."""
    while True:
        try:
            state, words = await _state(connection, ident)
        except UnreachableError:
            return "cut", ""
        if state != "applying":
            return state, words
        await asyncio.sleep(_POLL_SECONDS)


async def _confirm(
    address: Address, ident: str, change: Change, limits: Limits, began: float
) -> None:
    """Confirm by a new connection: that it comes about is what is to be confirmed.

    Without one, wait for the router to take the change back, and say so.
    """
    # To load may take as long as to confirm.
    deadline = began + 2 * limits.confirm + _RECOVERY_SECONDS
    words = ""
    while (left := deadline - time.monotonic()) > 0:
        try:
            async with connected(address, left) as connection:
                state, words = await _watch(connection, ident)
                if state == "loaded":
                    _must(await connection.run(script.call("confirm", ident)), "confirm", address)
                    state, words = await _state(connection, ident)
        except UnreachableError:
            continue
        if state == "confirmed":
            return
        if state == "refused":
            raise RefusedError(_refusal(address, change, words))
        if state == "rolled-back":
            raise CutOffError(_cut_off(address, change, limits, "It has been taken back", words))
    taken_back = "The router takes it back by itself, at the latest when it is restarted,"
    raise CutOffError(_cut_off(address, change, limits, taken_back, "it still does not answer"))


async def _state(connection: Connection, ident: str) -> tuple[str, str]:
    answer = await connection.run(script.call("state"))
    first, _, words = answer.output.decode(errors="replace").partition("\n")
    whose, _, state = first.partition(" ")
    return (state, words.strip()) if whose == ident else ("unknown", "")


def _must(answer: Answer, what: str, address: Address) -> None:
    if answer.status != 0:
        said = answer.complaints or f"status {answer.status}"
        raise RefusedError(f"{address} could not {what}: {said}. Nothing has been changed")


def _refusal(address: Address, change: Change, words: str) -> str:
    return (
        f"{address} refused {_listed(change)} and runs on with what it had:\n"
        f"{words}\n"
        "Correct the setting that this comes from and run `pulumi up` again"
    )


def _cut_off(address: Address, change: Change, limits: Limits, what: str, words: str) -> str:
    return (
        f"with {_listed(change)} changed, {address} could not be reached by a new SSH connection "
        f"within {limits.confirm} s, so the change was not confirmed. {what} ({words}): the former "
        f"files count, and {_services(change)} was told so. The change probably cuts the way from "
        "here to the router: look at its firewall rules and addresses, and run `pulumi up` again"
    )


def _listed(change: Change) -> str:
    return ", ".join(change.paths)


def _services(change: Change) -> str:
    return " and ".join(readers(change.paths))
