"""Which of a router's services reads which file, and so has to be told of a change.

The names are those of OpenWrt's init scripts. BIRD is not reloaded by its own script, which would
load what BIRD has not agreed to: it is asked by `birdc`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from enum import StrEnum


class Service(StrEnum):
    """A service, in the order in which they are reloaded: what carries comes before what uses."""

    SYSCTL = "sysctl"
    NETWORK = "network"
    FIREWALL = "firewall"
    DNSMASQ = "dnsmasq"
    KEEPALIVED = "keepalived"
    BIRD = "bird"
    UHTTPD = "uhttpd"


_BY_FILE = {
    "/etc/bird.conf": Service.BIRD,
    "/etc/bird-passwords.conf": Service.BIRD,
    "/etc/config/network": Service.NETWORK,
    "/etc/config/firewall": Service.FIREWALL,
    "/etc/config/dhcp": Service.DNSMASQ,
    "/etc/config/keepalived": Service.KEEPALIVED,
    "/etc/keepalived/keepalived.conf": Service.KEEPALIVED,
    "/etc/config/uhttpd": Service.UHTTPD,
}
_BY_FOLDER = {"/etc/sysctl.d/": Service.SYSCTL, "/usr/share/underlay/": Service.UHTTPD}

#: What needs no quoting in a shell, a tar archive or a list with a path per line.
_PLAIN_PATH = re.compile(r"(/[A-Za-z0-9_][A-Za-z0-9._-]*)+")


def reader(path: str) -> Service | None:
    """The service that reads the file; None if nobody is known to."""
    if not _PLAIN_PATH.fullmatch(path):
        return None
    folders = (service for folder, service in _BY_FOLDER.items() if path.startswith(folder))
    return _BY_FILE.get(path) or next(folders, None)


def readers(paths: Iterable[str]) -> tuple[Service, ...]:
    """The services that read these files, in the order in which they are reloaded."""
    found = {reader(path) for path in paths}
    return tuple(service for service in Service if service in found)
