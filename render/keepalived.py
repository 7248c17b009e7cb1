"""The gateway's address where two routers share it: VRRP by keepalived (RFC 5798).

A router that hears no other one gives up the gateway. What tells is the kernel's list of TCP
connections, read by a script: OpenWrt builds keepalived without `track_process` and without BFD
(its package's Makefile), and a link that is up says nothing of what is behind it.
"""

from __future__ import annotations

from collections.abc import Iterable
from ipaddress import IPv4Address

from config.machines import Router, Site
from render import interfaces
from render.templating import fill

CONFIGURATION = "/etc/keepalived/keepalived.conf"
UCI = "/etc/config/keepalived"

#: What a router that hears no other is worth less: the first is then below a second that does, and
#: where neither does, the first keeps the gateway (keepalived.conf(5), `weight`).
PENALTY = -110


def keepalived_conf(site: Site, router: Router) -> str | None:
    """The text of `/etc/keepalived/keepalived.conf`; None where the router shares with nobody."""
    if not site.has_shared_gateway:
        return None
    return fill(
        "keepalived.conf.j2",
        site=site,
        router=router,
        interfaces=interfaces,
        established=established(nic.address.ip for nic in router.peerings),
        penalty=PENALTY,
    )


def established(addresses: Iterable[IPv4Address]) -> str:
    """A pattern of the lines of /proc/net/tcp that are BGP connections of these addresses.

    Addresses and ports are hexadecimal, addresses in the processor's order of bytes, which is
    x86's; BGP's port, 179, is B3, at whichever end was dialled; 01 is TCP_ESTABLISHED (proc(5)).
    keepalived splits its arguments at spaces, for which a dot stands.
    """
    own = "|".join(address.packed[::-1].hex().upper() for address in addresses)
    other, port = "[0-9A-F]{8}", "[0-9A-F]{4}"
    return f":.({own}):(00B3.{other}:{port}|{port}.{other}:00B3).01."


def keepalived_uci() -> str:
    """The text of `/etc/config/keepalived`, which points OpenWrt's init script at the other."""
    return fill("keepalived.j2", configuration=CONFIGURATION)


def files(site: Site, router: Router) -> dict[str, str]:
    """Both files by path, where the router needs them."""
    configuration = keepalived_conf(site, router)
    if configuration is None:
        return {}
    return {CONFIGURATION: configuration, UCI: keepalived_uci()}
