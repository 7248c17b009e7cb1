"""OpenWrt's own files on a router: UCI, and the kernel's settings.

In the style that OpenWrt 24.10 and 25.12 write themselves (OpenWrt wiki, "Network configuration",
"Firewall configuration", "DHCP and DNS configuration").
"""

from __future__ import annotations

from config.machines import Router, Site
from config.plan import Plan
from render import interfaces
from render.templating import fill


def network(plan: Plan, site: Site, router: Router) -> str:
    """The text of `/etc/config/network`.

    The router's own LAN address comes first, so that the kernel takes it for its own traffic.
    """
    gateway = () if site.has_shared_gateway else (site.gateway,)
    return fill(
        "network.j2",
        router=router,
        lan_addresses=(router.lan.address, *gateway),
        wan_gateway=plan.wan_gateway.ip,
        interfaces=interfaces,
    )


def firewall(plan: Plan) -> str:
    """The text of `/etc/config/firewall`: open inside, closed towards the WAN but for management.

    BFD's control packets go to UDP port 3784 (RFC 5881, section 4). A rule with a source zone alone
    is about the router itself, one with `dest '*'` about what is behind it (OpenWrt wiki, "Firewall
    configuration", rules).
    """
    return fill(
        "firewall.j2", management=plan.management, peerings=plan.peerings, bfd=plan.bfd.enabled
    )


def dhcp(plan: Plan, site: Site) -> str:
    """The text of `/etc/config/dhcp`: a fixed lease for each node, from either router alike."""
    return fill("dhcp.j2", site=site, peerings=plan.peerings)


def sysctl(plan: Plan) -> str:
    """The text of `/etc/sysctl.d/90-underlay.conf`."""
    peerings = [interfaces.PEERINGS[network] for network in plan.peerings]
    devices = (interfaces.LAN_PORT, interfaces.WAN, *peerings, interfaces.LAN_BRIDGE)
    return fill("sysctl.conf.j2", devices=devices, interfaces=interfaces)
