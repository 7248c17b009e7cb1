"""Whether a libvirt answers where the URI points, and to this user."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path

from doctor.finding import Finding
from doctor.uri import SOCKET, Way

_SECONDS = 10.0

#: Where the modular daemons listen, which the plugin does not (libvirt docs, "Libvirt daemons").
_MODULAR = Path("/run/libvirt/virtqemud-sock")


def findings(way: Way) -> Iterator[Finding]:
    """Dial, and say what came of it. What takes credentials is only dialled."""
    if way.is_local:
        yield from _socket(way)
    elif way.port:
        yield from _port(way)


def _socket(way: Way) -> Iterator[Finding]:
    path = Path(way.socket)
    if way.is_session and way.socket == SOCKET:
        yield Finding(
            f"{way.uri}: the plugin dials {SOCKET} for it, where no session is: write "
            "qemu:///system, or add ?socket= and the path of the session's socket"
        )
        return
    if not path.exists():
        yield Finding(_no_socket(way, path))
        return
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as client:
            client.settimeout(_SECONDS)
            client.connect(str(path))
    except PermissionError:
        yield Finding(
            f"{way.uri}: no permission on {path}: join the group libvirt (sudo usermod -aG libvirt "
            '"$USER") and log in again'
        )
    except OSError as error:
        yield Finding(
            f"{way.uri}: nobody answers at {path} ({error.strerror or error}): start libvirt (sudo "
            "systemctl enable --now libvirtd)"
        )


def _no_socket(way: Way, path: Path) -> str:
    if way.socket == SOCKET and _MODULAR.exists():
        return (
            f"{way.uri}: libvirt's daemons run, but not the one that listens at {path}, where the "
            "plugin dials: sudo systemctl enable --now virtproxyd.socket"
        )
    return (
        f"{way.uri}: no libvirt on this machine (there is no {path}): install "
        "libvirt-daemon-system and start libvirtd, or name another host in libvirt.uri"
    )


def _port(way: Way) -> Iterator[Finding]:
    try:
        socket.create_connection((str(way.host), way.port), _SECONDS).close()
    except OSError as error:
        yield Finding(
            f"{way.uri}: {way.host} port {way.port} does not answer ({error}): check its name, its "
            "firewall and that it is up"
        )
