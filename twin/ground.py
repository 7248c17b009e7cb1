"""The ground a twin stands on: the first of its resources to come and the last to go.

Creating it makes nothing, so that it is in the state before anything stands; deleting it removes
whatever is left, also of runs that were killed half-way.
"""

from __future__ import annotations

from uuid import uuid4

from twin.place import TakenError, owner_of, release_stack, taken_message


def take(stack: str) -> str:
    """A new owner for the stack's place. Raises `TakenError` if it has one."""
    if owner_of(stack) is not None:
        raise TakenError(taken_message(stack))
    return uuid4().hex


def leave(stack: str, owner: str) -> None:
    """Remove what stands, unless it is somebody else's."""
    if owner_of(stack) in (owner, None):
        release_stack(stack)
