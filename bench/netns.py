"""Network namespaces without names: they end with the last file or process that holds them.

So a floor that is killed leaves none behind, and can collide with nobody's.
"""

from __future__ import annotations

import ctypes
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bench.rtnetlink import Socket

_CLONE_NEWNET = 0x40000000  # <linux/sched.h>
_OWN = "/proc/thread-self/ns/net"
_NO_IPV6 = ("net.ipv6.conf.all.disable_ipv6", "net.ipv6.conf.default.disable_ipv6")

_libc = ctypes.CDLL(None, use_errno=True)


class Namespace:
    """A namespace of its own, held by an open file, with a conversation with its kernel side."""

    def __init__(self) -> None:
        with _and_back():
            _check(_libc.unshare(_CLONE_NEWNET), "unshare")
            self.file = os.open(_OWN, os.O_RDONLY | os.O_CLOEXEC)
            try:
                for name in _NO_IPV6:
                    write_sysctl(name, "1")
                self.kernel = Socket()
            except BaseException:
                os.close(self.file)
                raise

    @contextmanager
    def inside(self) -> Iterator[None]:
        """Put the calling thread into it: what it opens or starts there, stays there."""
        with _and_back():
            _check(_libc.setns(self.file, _CLONE_NEWNET), "setns")
            yield

    def close(self) -> None:
        """Let go of it."""
        self.kernel.close()
        os.close(self.file)


def write_sysctl(name: str, value: str) -> None:
    """Set a sysctl of the namespace that the calling thread is in."""
    Path("/proc/sys", *name.split(".")).write_text(value)


@contextmanager
def _and_back() -> Iterator[None]:
    home = os.open(_OWN, os.O_RDONLY | os.O_CLOEXEC)
    try:
        yield
    finally:
        result = _libc.setns(home, _CLONE_NEWNET)
        os.close(home)
        _check(result, "setns to where we came from")


def _check(result: int, call: str) -> None:
    if result != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{call}: {os.strerror(number)}")
