"""What can go wrong with a router, each with what to do about it."""

from __future__ import annotations


class RouterError(RuntimeError):
    """Something about a router; the message is all that its owner needs."""


class UnreachableError(RouterError):
    """Nobody answers at the router's address."""


class LoginError(RouterError):
    """Somebody answers, but it is not the router, or it does not let us in. No use in waiting."""


class RefusedError(RouterError):
    """The router refused the files; what it had before is still there and still runs."""


class CutOffError(RouterError):
    """The change cut the way to the router, or was never confirmed; it has been taken back."""
