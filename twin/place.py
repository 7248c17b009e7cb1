"""Where a stack's twin stands on this machine, and how it knows its own.

Each stack has a folder, each machine and segment a folder in it and a namespace. The folder is
made before the namespace and removed after it, and daemons are started with their folder on the
command line: so after a kill at any moment, whatever is left can be told from what others own.
"""

from __future__ import annotations

import os
import re
import shutil
import threading
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from twin import daemons, namespaces

#: Runtime state ends with the machine's uptime, as namespaces do (FHS 3.0, section 3.15).
STATE_FOLDER = Path("/run/underlay")


class TakenError(RuntimeError):
    """Something of this name stands already and is not this stack's."""


@dataclass(frozen=True, slots=True)
class Place:
    """One machine's or segment's place: its namespace and its folder."""

    stack: str
    machine: str

    @property
    def namespace(self) -> str:
        """The name that `ip netns` shows."""
        return f"{self.stack}-{self.machine}"

    @property
    def folder(self) -> Path:
        """Where its files, sockets and logs are."""
        return STATE_FOLDER / self.stack / self.machine

    @property
    def stands(self) -> bool:
        """Whether it has been claimed and its namespace is there."""
        return self.folder.is_dir() and namespaces.exists(self.namespace)

    def claim(self, owner: str) -> bool:
        """Make the folder and the namespace, or find them made. True if they are new.

        Raises `TakenError` if the stack's folder is another owner's, or if a namespace of this
        name stands that no stack has claimed.
        """
        claim_stack(self.stack, owner)
        if namespaces.is_taken(self.namespace) and not self.folder.is_dir():
            raise TakenError(
                f"a network namespace {self.namespace} stands already, and it is not this "
                f"stack's: delete it (ip netns delete {self.namespace}), or give the stack "
                "another name"
            )
        self.folder.mkdir(exist_ok=True)
        is_new = not namespaces.exists(self.namespace)
        if is_new:
            namespaces.create(self.namespace)
        return is_new

    def release(self) -> None:
        """Remove the machine and whatever belongs to it. Nothing there is no error.

        Its pods are its own: their names are the machine's and a number. What was never claimed
        has no folder, and is somebody else's.
        """
        is_own = re.compile(rf"{re.escape(self.machine)}(-pod\d+)?").fullmatch
        candidates = self.folder.parent.glob(f"{self.machine}*")
        folders = [folder for folder in candidates if is_own(folder.name)]
        daemons.end_all_in([self.folder, *folders])
        for folder in folders:
            namespaces.delete(Place(self.stack, folder.name).namespace)
            shutil.rmtree(folder, ignore_errors=True)


def claim_stack(stack: str, owner: str) -> None:
    """Make the stack's folder this owner's. Raises `TakenError` if it is another's."""
    if owner_of(stack) == owner:
        return
    folder = STATE_FOLDER / stack
    while not folder.is_dir():
        with suppress(FileNotFoundError):  # another stack went, and took the common folder along
            folder.mkdir(parents=True, exist_ok=True)
    draft = folder / f".{_OWNER}-{threading.get_ident()}"
    draft.write_text(owner)
    try:
        os.link(draft, folder / _OWNER)  # there at once with its text, or not at all
    except FileExistsError:
        if owner_of(stack) != owner:
            raise TakenError(taken_message(stack)) from None
    finally:
        draft.unlink()


def owner_of(stack: str) -> str | None:
    """Who owns the stack's folder, or None where there is no such stack."""
    with suppress(FileNotFoundError):
        return (STATE_FOLDER / stack / _OWNER).read_text()
    return None


def taken_message(stack: str) -> str:
    """What to say when a stack of this name is somebody else's."""
    return (
        f"a twin of a stack named {stack} stands on this machine already, and another checkout "
        f"or an earlier state owns it: destroy it there, remove it with "
        f"`python -m twin sweep {stack}`, or give this stack another name"
    )


def release_stack(stack: str) -> list[str]:
    """Remove whatever the stack left. Returns the names of the machines and segments removed."""
    folder = STATE_FOLDER / stack
    if not folder.is_dir():
        return []
    places = [Place(stack, entry.name) for entry in sorted(folder.iterdir()) if entry.is_dir()]
    daemons.end_all(folder)
    for place in places:
        place.release()
    shutil.rmtree(folder, ignore_errors=True)
    with suppress(OSError):  # other stacks may stand in it
        STATE_FOLDER.rmdir()
    return [place.machine for place in places]


_OWNER = "owner"
