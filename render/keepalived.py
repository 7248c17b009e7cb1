"""The gateway's address where two routers share it: VRRP by keepalived (RFC 5798).

A router that hears no other one gives up the gateway. What tells is the kernel's list of TCP
connections, read by a script: OpenWrt builds keepalived without `track_process` and without BFD
(its package's Makefile), and a link that is up says nothing of what is behind it.
"""

from __future__ import annotations

from collections.abc import Iterable

from config.families import Address, Family, family_of
from config.machines import Router, Site
from render import interfaces
from render.templating import fill

CONFIGURATION = "/etc/keepalived/keepalived.conf"
UCI = "/etc/config/keepalived"

#: What a router that hears no other is worth less: the first is then below a second that does, and
#: where neither does, the first keeps the gateway (keepalived.conf(5), `weight`).
PENALTY = -110


#: Where the kernel lists the connections of a family. Those of the primary one tell.
_CONNECTIONS = {Family.IPV4: "/proc/net/tcp", Family.IPV6: "/proc/net/tcp6"}


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
        connections=_CONNECTIONS[family_of(router.peering.address)],
        penalty=PENALTY,
    )


def established(addresses: Iterable[Address]) -> str:
    """A pattern of the lines of `_CONNECTIONS` that are BGP connections of these addresses.

    Addresses and ports are hexadecimal, addresses in words of 32 bits, each in the processor's
    order of bytes, which is x86's; BGP's port, 179, is B3, at whichever end was dialled; 01 is
    TCP_ESTABLISHED (proc(5)). keepalived splits its arguments at spaces, for which a dot stands.
    """
    found = [_in_words(address) for address in addresses]
    own, other, port = "|".join(found), f"[0-9A-F]{{{len(found[0])}}}", "[0-9A-F]{4}"
    return f":.({own}):(00B3.{other}:{port}|{port}.{other}:00B3).01."


def _in_words(address: Address) -> str:
    packed = address.packed
    words = (packed[start : start + 4] for start in range(0, len(packed), 4))
    return "".join(word[::-1].hex().upper() for word in words)


def keepalived_uci() -> str:
    """The text of `/etc/config/keepalived`, which points OpenWrt's init script at the other."""
    return fill("keepalived.j2", configuration=CONFIGURATION)


def files(site: Site, router: Router) -> dict[str, str]:
    """Both files by path, where the router needs them."""
    configuration = keepalived_conf(site, router)
    if configuration is None:
        return {}
    return {CONFIGURATION: configuration, UCI: keepalived_uci()}
