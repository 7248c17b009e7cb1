"""OpenWrt's own files on a router: UCI, and the kernel's settings.

In the style that OpenWrt 24.10 and 25.12 write themselves (OpenWrt wiki, "Network configuration",
"Firewall configuration", "DHCP and DNS configuration").
"""

from __future__ import annotations

from ipaddress import collapse_addresses

from config.machines import Router, Site
from config.plan import Plan
from config.security import Wan
from config.sessions import SessionKind
from render import bird, interfaces
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


#: Rules whose counters say that somebody spoke BGP to the router whom the plan does not know.
BGP_OF_STRANGERS = "bgp-of-strangers-by-"


def firewall(plan: Plan, site: Site, router: Router) -> str:
    """The text of `/etc/config/firewall`: open between the inside's machines, closed to strangers.

    BFD's control packets go to UDP port 3784 (RFC 5881, section 4). A rule with a source zone alone
    is about the router itself, one with a destination zone about what is behind it. Rules come
    before forwardings (OpenWrt's fw4, `load`).
    """
    return fill(
        "firewall.j2",
        is_open=plan.security.wan is Wan.OPEN,
        management=plan.management,
        nodes=[node.lan.address.ip for node in site.nodes],
        routers=[
            session.neighbor
            for session in plan.sessions[router.name]
            if session.neighbor_kind is SessionKind.ROUTER
        ],
        peerings=plan.peerings,
        bfd=plan.bfd.enabled,
        has_shared_gateway=site.has_shared_gateway,
        # Together, since nft takes no set whose members overlap.
        inside=list(collapse_addresses(bird.unreachable(plan, site))),
        of_strangers=BGP_OF_STRANGERS,
        egress=plan.egress if plan.egress_gateway else None,
    )


def dhcp(plan: Plan, site: Site) -> str:
    """The text of `/etc/config/dhcp`: a fixed lease for each node, from either router alike."""
    return fill("dhcp.j2", site=site, peerings=plan.peerings)


def sysctl(plan: Plan, site: Site) -> str:
    """The text of `/etc/sysctl.d/90-underlay.conf`."""
    peerings = [interfaces.PEERINGS[network] for network in plan.peerings]
    one_way = not site.has_shared_gateway
    return fill(
        "sysctl.conf.j2",
        devices=(interfaces.LAN_PORT, interfaces.WAN, *peerings, interfaces.LAN_BRIDGE),
        interfaces=interfaces,
        has_one_way={
            interfaces.LAN_BRIDGE: one_way,
            **dict.fromkeys(peerings, one_way and len(peerings) == 1),
        },
    )
