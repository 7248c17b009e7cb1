"""A libvirt that answers: checked before anything is asked of it.

The provider dials as soon as it knows the URI. It is given the one that this resource puts out,
which is not known before the first `up`: so a first preview needs no libvirt at all.
"""

from __future__ import annotations

import os
import shutil
import socket
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pulumi
from pulumi.dynamic import CreateResult, DiffResult, Resource, ResourceProvider, UpdateResult

# The engine's property maps are untyped by nature.
Props = dict[str, Any]

#: Where libvirtd and virtqemud listen for system sessions (libvirt docs, "Remote support").
SOCKETS = ("/run/libvirt/libvirt-sock", "/run/libvirt/virtqemud-sock")

#: Ports of the transports that can be tried without credentials.
_PORTS = {"ssh": 22, "libssh": 22, "libssh2": 22, "tcp": 16509, "tls": 16514}
_SECONDS = 10.0


class UnreachableError(RuntimeError):
    """libvirt does not answer, or not to us. Says what would help."""


def check(uri: str, domain_type: str) -> None:
    """Raise `UnreachableError` unless something answers where the URI points."""
    parts = urlsplit(uri)
    transport = parts.scheme.partition("+")[2] or ("tls" if parts.hostname else "unix")
    if shutil.which("xsltproc") is None:
        raise UnreachableError(
            "xsltproc is not on PATH, and libvirt's plugin calls it: install xsltproc (Debian's "
            "package) or libxslt"
        )
    if transport == "unix":
        _check_socket(uri, parse_qs(parts.query).get("socket", []))
        _check_kvm(domain_type)
    elif parts.hostname and transport in _PORTS:
        _check_port(uri, parts.hostname, parts.port or _PORTS[transport])


def _check_socket(uri: str, named: list[str]) -> None:
    if not named and not uri.endswith("/system"):
        return  # a session's daemon is started by whoever dials
    candidates = named or list(SOCKETS)
    path = next((path for path in candidates if Path(path).exists()), None)
    if path is None:
        raise UnreachableError(
            f"{uri}: no libvirt on this machine (there is no {candidates[0]}): install "
            "libvirt-daemon-system and start libvirtd, or name another host in libvirt.uri"
        )
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as client:
            client.settimeout(_SECONDS)
            client.connect(path)
    except PermissionError:
        raise UnreachableError(
            f"{uri}: no permission on {path}: join the group libvirt (sudo usermod -aG libvirt "
            '"$USER") and log in again'
        ) from None
    except OSError as error:
        raise UnreachableError(
            f"{uri}: nobody answers at {path} ({error.strerror}): start libvirtd"
        ) from None


def _check_kvm(domain_type: str) -> None:
    if domain_type == "kvm" and not os.access("/dev/kvm", os.R_OK):
        raise UnreachableError(
            "/dev/kvm cannot be opened: turn on virtualisation in the firmware (or nesting on the "
            "host), join the group kvm, or set libvirt.type to qemu, which is slow"
        )


def _check_port(uri: str, host: str, port: int) -> None:
    try:
        socket.create_connection((host, port), _SECONDS).close()
    except OSError as error:
        raise UnreachableError(
            f"{uri}: {host} port {port} does not answer ({error}): check its name, its firewall "
            "and that it is up"
        ) from None


class ReachableProvider(ResourceProvider):
    """Drives the check."""

    def create(self, props: Props) -> CreateResult:
        check(props["uri"], props["type"])
        return CreateResult("libvirt", _kept(props))

    def diff(self, _id: str, _olds: Props, _news: Props) -> DiffResult:
        return DiffResult(changes=_kept(_olds) != _kept(_news))

    def update(self, _id: str, _olds: Props, _news: Props) -> UpdateResult:
        check(_news["uri"], _news["type"])
        return UpdateResult(_kept(_news))


def _kept(props: Props) -> Props:
    return {"uri": props["uri"], "type": props["type"], "answered": props["uri"]}


class Reachable(Resource, module="libvirt", name="Reachable"):
    """A libvirt that has answered. `answered` is its URI."""

    answered: pulumi.Output[str]

    def __init__(
        self, name: str, *, uri: str, domain_type: str, opts: pulumi.ResourceOptions
    ) -> None:
        inputs = {"uri": uri, "type": domain_type, "answered": None}
        super().__init__(ReachableProvider(), name, inputs, opts)
