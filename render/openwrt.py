"""OpenWrt's own files on a router: UCI, and the kernel's settings.

In the style that OpenWrt 24.10 and 25.12 write themselves (OpenWrt wiki, "Network configuration",
"Firewall configuration", "DHCP and DNS configuration").
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from ipaddress import IPv4Network, IPv6Network, collapse_addresses

from config.families import Address, Family, Interface, Network, family_of, of
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
    gateways = () if site.has_shared_gateway else site.gateways
    return fill(
        "network.j2",
        lan_addresses=options((*router.lan.addresses, *gateways)),
        wan_addresses=options(router.wan.addresses),
        peerings=[(nic.network, options(nic.addresses)) for nic in router.peerings],
        wan_gateways=gateway_options(plan.wan_gateways),
        interfaces=interfaces,
        ipv6=Family.IPV6 in plan.families,
    )


#: Rules whose counters say that somebody spoke BGP to the router whom the plan does not know.
BGP_OF_STRANGERS = "bgp-of-strangers-by-"


def options(addresses: Iterable[Interface]) -> list[tuple[str, Interface]]:
    """Each address with the name of the list that it stands in."""
    by_version = {4: "ipaddr", 6: "ip6addr"}
    return [(by_version[address.version], address) for address in addresses]


def gateway_options(gateways: Iterable[Interface]) -> list[tuple[str, Address]]:
    """Each gateway's address with the name of its option."""
    by_version = {4: "gateway", 6: "ip6gw"}
    return [(by_version[gateway.version], gateway.ip) for gateway in gateways]


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
        nodes=[address.ip for node in site.nodes for address in node.lan.addresses],
        routers=[
            session.neighbor
            for session in plan.sessions[router.name]
            if session.neighbor_kind is SessionKind.ROUTER
        ],
        peerings=plan.peerings,
        bfd=plan.bfd.enabled,
        has_shared_gateway=site.has_shared_gateway,
        inside=_inside(plan, site),
        of_strangers=BGP_OF_STRANGERS,
        ipv4=Family.IPV4 in plan.families,
        ipv6=Family.IPV6 in plan.families,
        as_themselves=list(_as_themselves(plan)),
        answered_as_themselves=list(_answered_as_themselves(plan, site)),
    )


def _as_themselves(plan: Plan) -> Iterator[Network]:
    """Sources that the WAN sees as they are: services, which only answer, and egress gateways.

    An answer may leave by another router than the one that the question came by. That router has
    not seen the question, and would take the answer for a connection of its own to masquerade.
    """
    yield from (network for network, _ in plan.load_balancing.announced)
    for ranges in plan.ranges:
        if plan.egress_gateway and ranges.family in plan.egress_gateway.families:
            yield ranges.egress


def _answered_as_themselves(plan: Plan, site: Site) -> Iterator[tuple[Network, Network]]:
    """LANs, each with those who may come in to it by the WAN, where there are two ways back.

    They know the way to the nodes. Everybody at once does not.
    """
    for network in plan.management if site.has_shared_gateway else ():
        if network.prefixlen > 0:
            yield of(family_of(network), site.lans), network


def _inside(plan: Plan, site: Site) -> list[Network]:
    """The ranges of the fabric in each family, joined: nft takes no set whose members overlap."""
    found = [n for ranges in plan.ranges for n in bird.unreachable(plan, site, ranges)]
    return [
        *collapse_addresses(n for n in found if isinstance(n, IPv4Network)),
        *collapse_addresses(n for n in found if isinstance(n, IPv6Network)),
    ]


def dhcp(plan: Plan, site: Site) -> str:
    """The text of `/etc/config/dhcp`: a fixed lease for each node, from either router alike.

    Leases are of IPv4. In IPv6, odhcpd advertises the LAN's prefix and its DNS. Nobody makes an
    address of his own of it, and no router is a default router by it: nodes have the plan's
    addresses, and a gateway that moves (odhcpd's README, options of `dhcp`).
    """
    has_leases = Family.IPV4 in plan.families
    ipv4 = Family.IPV4
    return fill(
        "dhcp.j2",
        peerings=plan.peerings,
        lan=of(ipv4, site.lans) if has_leases else None,
        gateway=of(ipv4, site.gateways).ip if has_leases else None,
        leases=[(node, node.lan.ip(ipv4)) for node in site.nodes] if has_leases else [],
        ipv6_gateway=of(Family.IPV6, site.gateways).ip if Family.IPV6 in plan.families else None,
    )


def sysctl(plan: Plan, site: Site) -> str:
    """The text of `/etc/sysctl.d/90-underlay.conf`."""
    peerings = [interfaces.PEERINGS[network] for network in plan.peerings]
    one_way = not site.has_shared_gateway
    # Whom the WAN lets in may come by another datacentre's router, to VIPs and to datacentres that
    # were added since its routes were made. The way back is this router's own WAN.
    from_outside = any(isinstance(prefix, IPv4Network) for prefix in plan.management)
    ipv6 = Family.IPV6 in plan.families
    return fill(
        "sysctl.conf.j2",
        devices=(interfaces.LAN_PORT, interfaces.WAN, *peerings, interfaces.LAN_BRIDGE),
        interfaces=interfaces,
        ipv6=ipv6,
        has_one_way={
            interfaces.LAN_BRIDGE: one_way,
            **dict.fromkeys(peerings, one_way and len(peerings) == 1 and not from_outside),
        },
    )
