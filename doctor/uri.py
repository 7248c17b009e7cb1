"""Where a libvirt URI points, as the plugin reads it.

Source: terraform-provider-libvirt 0.8, `libvirt/uri`. It dials one socket, that of libvirtd or of
virtproxyd, unless the URI names another; and by SSH it logs in as the URI's user and no other.
"""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import parse_qs, urlsplit

SOCKET = "/run/libvirt/libvirt-sock"

_PORTS = {"ssh": 22, "tcp": 16509, "tls": 16514}


@dataclass(frozen=True, slots=True)
class Way:
    """The way to a libvirt: its socket, on this machine or on `host`."""

    uri: str
    transport: str
    socket: str
    host: str | None = None
    user: str | None = None
    port: int = 0
    keyfile: str | None = None
    known_hosts: str | None = None

    @property
    def is_session(self) -> bool:
        """Whether it is a user's own libvirt."""
        return self.uri.partition("?")[0].endswith("/session")

    @property
    def is_local(self) -> bool:
        """Whether it is this machine's."""
        return self.host is None

    @property
    def machine(self) -> str:
        """What the machine is called in messages."""
        return self.host or "this machine"


def way(uri: str) -> Way:
    """Take the URI apart."""
    parts = urlsplit(uri)
    given = parse_qs(parts.query)
    transport = parts.scheme.partition("+")[2] or ("tls" if parts.hostname else "unix")
    host = None if transport == "unix" else parts.hostname
    return Way(
        uri=uri,
        transport=transport,
        socket=given.get("socket", [SOCKET])[0],
        host=host,
        user=parts.username,
        port=parts.port or _PORTS.get(transport, 0),
        keyfile=given.get("keyfile", [None])[0],
        known_hosts=given.get("knownhosts", [None])[0],
    )
