"""Named network namespaces, as `ip netns` knows them (ip-netns(8)).

Namespaces belong to threads, so that several can be worked in at a time.
"""

from __future__ import annotations

import ctypes
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

#: Where `ip netns` keeps them. The path is its, not ours to choose.
NETNS_FOLDER = Path("/run/netns")

_CLONE_NEWNET = 0x40000000  # <linux/sched.h>
_MS_BIND, _MNT_DETACH = 0x1000, 0x2  # <linux/mount.h>, umount(2)
_OWN = "/proc/thread-self/ns/net"

#: Where IPv6 is on, addresses are the plan's: at once, without a search for doubles that takes a
#: second, by no advertisement, and as long as a device stands, as in IPv4 (kernel, ip-sysctl.rst).
_IPV6_SYSCTLS = {
    "net.ipv6.conf.all.disable_ipv6": "1",
    "net.ipv6.conf.default.disable_ipv6": "1",
    "net.ipv6.conf.all.accept_dad": "0",
    "net.ipv6.conf.default.accept_dad": "0",
    "net.ipv6.conf.default.accept_ra": "0",
    "net.ipv6.conf.all.keep_addr_on_down": "1",
}

_libc = ctypes.CDLL(None, use_errno=True)


def exists(name: str) -> bool:
    """Whether a namespace of this name stands."""
    return os.path.ismount(NETNS_FOLDER / name)


def is_taken(name: str) -> bool:
    """Whether the name is in use, be it by what a killed run left before there was a namespace."""
    return (NETNS_FOLDER / name).exists()


def create(name: str) -> None:
    """Make a namespace. IPv6 is off in it, so that a plan without it has no stray addresses."""
    NETNS_FOLDER.mkdir(parents=True, exist_ok=True)
    target = NETNS_FOLDER / name
    if exists(name):
        raise FileExistsError(f"a network namespace {name} stands already")
    target.touch(mode=0o444)
    own, at = _OWN.encode(), bytes(target)
    try:
        with nameless():
            _check(_libc.mount(own, at, b"none", _MS_BIND, None), "mount", name)
            for sysctl, value in _IPV6_SYSCTLS.items():
                write_sysctl(sysctl, value)
    except OSError:
        target.unlink()
        raise


def delete(name: str) -> None:
    """Let go of a namespace; the kernel removes it when its last process has ended.

    And when the last of its connections has said so to the other end. Who has been told to hear it
    no more does not answer, and the kernel would try for two minutes, with all links still up
    (kernel, ip-sysctl.rst, `tcp_orphan_retries`).
    """
    target = NETNS_FOLDER / name
    while os.path.ismount(target):
        with inside(name):
            write_sysctl("net.ipv4.tcp_orphan_retries", "1")
        _check(_libc.umount2(bytes(target), _MNT_DETACH), "umount", name)
    with suppress(FileNotFoundError):
        target.unlink()


@contextmanager
def inside(name: str) -> Iterator[None]:
    """Put the calling thread into the namespace: what it opens or starts there, stays there."""
    with _and_back():
        there = os.open(NETNS_FOLDER / name, os.O_RDONLY)
        try:
            _check(_libc.setns(there, _CLONE_NEWNET), "setns", name)
        finally:
            os.close(there)
        yield


@contextmanager
def nameless() -> Iterator[None]:
    """Put the calling thread into a new namespace. It ends with the last that holds on to it."""
    with _and_back():
        _check(_libc.unshare(_CLONE_NEWNET), "unshare", "a new namespace")
        yield


@contextmanager
def _and_back() -> Iterator[None]:
    home = os.open(_OWN, os.O_RDONLY)
    try:
        yield
    finally:
        _check(_libc.setns(home, _CLONE_NEWNET), "setns", "the namespace we came from")
        os.close(home)


def write_sysctl(name: str, value: str) -> None:
    """Set a sysctl of the namespace that the calling thread is in."""
    _sysctl_path(name).write_text(value)


def read_sysctl(name: str) -> str | None:
    """A sysctl of the namespace that the calling thread is in, with single spaces.

    None where there is none, as for a device that is gone.
    """
    with suppress(FileNotFoundError):
        return " ".join(_sysctl_path(name).read_text().split())
    return None


def _sysctl_path(name: str) -> Path:
    return Path("/proc/sys", *name.split("."))


def _check(result: int, call: str, about: str) -> None:
    if result != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{call} for {about}: {os.strerror(number)}")
