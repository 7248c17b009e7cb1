"""The gateway's address where two routers share it: VRRP by keepalived (RFC 5798)."""

from __future__ import annotations

from config.machines import Router, Site
from render import interfaces
from render.templating import fill

CONFIGURATION = "/etc/keepalived/keepalived.conf"
UCI = "/etc/config/keepalived"


def keepalived_conf(site: Site, router: Router) -> str | None:
    """The text of `/etc/keepalived/keepalived.conf`; None where the router shares with nobody."""
    if not site.has_shared_gateway:
        return None
    return fill("keepalived.conf.j2", site=site, router=router, interfaces=interfaces)


def keepalived_uci() -> str:
    """The text of `/etc/config/keepalived`, which points OpenWrt's init script at the other."""
    return fill("keepalived.j2", configuration=CONFIGURATION)


def files(site: Site, router: Router) -> dict[str, str]:
    """Both files by path, where the router needs them."""
    configuration = keepalived_conf(site, router)
    if configuration is None:
        return {}
    return {CONFIGURATION: configuration, UCI: keepalived_uci()}
