"""The plan: every machine, address, AS number and session of a fabric, decided once.

`make_plan` is pure and total: settings that `config.schema.load` has passed always have a plan.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from ipaddress import IPv4Address

from config.addressing import FIRST_ROUTER_HOST, Addressing, router_id
from config.asns import cluster_asn, router_asn
from config.egress_gateways import Egress, make_egress
from config.families import Family, Interface, Network, is_within, of, single
from config.machines import (
    PEERING_NETWORK,
    SECOND_PEERING_NETWORK,
    WAN_NETWORK,
    Nic,
    Node,
    Role,
    Router,
    Site,
    lan_network,
    node_name,
)
from config.observability import Observability
from config.ranges import Ranges
from config.redundancy import Bfd
from config.schema import Datacentre, Fabric, PodRoutes, Substrate, Timers
from config.security import Security
from config.services import Services, make_services
from config.sessions import PEERING_PASSWORD, Session, sessions
from config.settings import Settings


@dataclass(frozen=True, slots=True)
class Plan:
    """A fabric, complete. `sites` are in the order of their indexes.

    `ranges` and `wan_gateways` are those of each family, the primary one's first, as is whatever
    else there is one of in each: LANs, addresses, PodCIDRs. `second_peering` is empty where routers
    have one network between them.
    `passwords` are the names of the TCP MD5 passwords that sessions use. Their texts are no part of
    the plan: some are made only when the stack is.
    """

    cluster: str
    ranges: tuple[Ranges, ...]
    second_peering: tuple[Network, ...]
    wan_gateways: tuple[Interface, ...]
    management: tuple[Network, ...]
    timers: Timers
    bfd: Bfd
    pods_per_node: int
    observability: Observability
    pod_routes: PodRoutes
    load_balancing: Services
    egress_gateway: Egress | None
    sites: tuple[Site, ...]
    sessions: Mapping[str, tuple[Session, ...]]
    security: Security
    passwords: frozenset[str]

    @property
    def families(self) -> tuple[Family, ...]:
        """The families that all machines have, the primary one first."""
        return tuple(ranges.family for ranges in self.ranges)

    @property
    def routers(self) -> tuple[Router, ...]:
        """All routers, datacentre by datacentre."""
        return tuple(router for site in self.sites for router in site.routers)

    @property
    def nodes(self) -> tuple[Node, ...]:
        """All nodes, datacentre by datacentre."""
        return tuple(node for site in self.sites for node in site.nodes)

    @property
    def metrics_readers(self) -> tuple[Network, ...]:
        """Who may read the routers' metrics: the fabric's own, management, whoever is named."""
        own: list[Network] = []
        for ranges in self.ranges:
            lans = [of(ranges.family, site.lans) for site in self.sites]
            own += [ranges.lans, *(lan for lan in lans if not is_within(lan, ranges.lans))]
            own.append(ranges.pods)
        return tuple(dict.fromkeys((*own, *self.management, *self.observability.readers)))

    @property
    def peerings(self) -> Mapping[str, tuple[Network, ...]]:
        """The networks between routers by their names, in the order of the routers' NICs."""
        found = {PEERING_NETWORK: tuple(ranges.peering for ranges in self.ranges)}
        if self.second_peering:
            found[SECOND_PEERING_NETWORK] = self.second_peering
        return found


def make_plan(settings: Settings) -> Plan:
    """Decide everything that follows from the settings."""
    fabric = settings.fabric
    addressings = [Addressing(fabric, family) for family in fabric.families]
    ordered = sorted(fabric.datacentres, key=lambda datacentre: datacentre.index)
    sites = tuple(_site(fabric, addressings, datacentre) for datacentre in ordered)
    if settings.substrate is Substrate.LIBVIRT and not settings.libvirt.cluster:
        sites = tuple(replace(site, nodes=()) for site in sites)
    services = make_services(fabric, sites)
    egress = make_egress(fabric, sites, [network for network, _ in services.announced])
    most_pods = max(fabric.twin.pods_per_node, services.most_pods_on_a_node)
    ends = sessions(sites, full_mesh_limit=fabric.full_mesh_limit, signed=_signed(settings))
    wan_gateways = tuple(addressing.wan_gateway() for addressing in addressings)
    return Plan(
        cluster=fabric.cluster,
        ranges=fabric.ranges,
        second_peering=_second_peering(fabric),
        wan_gateways=wan_gateways,
        management=_management(settings, wan_gateways),
        timers=fabric.timers,
        bfd=fabric.redundancy.bfd,
        observability=fabric.observability,
        # With egress gateways there is one more, which they are for.
        pods_per_node=most_pods + (egress is not None),
        pod_routes=fabric.pod_routes,
        load_balancing=services,
        egress_gateway=egress,
        sites=sites,
        sessions=ends,
        security=fabric.security,
        passwords=frozenset(
            end.password for found in ends.values() for end in found if end.password is not None
        ),
    )


def _second_peering(fabric: Fabric) -> tuple[Network, ...]:
    found = (fabric.redundancy.second_peering_of(family) for family in fabric.families)
    return tuple(network for network in found if network is not None)


def _management(settings: Settings, wan_gateways: Sequence[Interface]) -> tuple[Network, ...]:
    """Who may come in by the WAN. On libvirt the program itself must: it is the way to machines."""
    if settings.fabric.management is not None:
        return settings.fabric.management
    if settings.substrate is Substrate.LIBVIRT:
        return tuple(single(gateway.ip) for gateway in wan_gateways)
    return ()


def given_passwords(settings: Settings) -> dict[str, str]:
    """The passwords that the configuration has, by the names that sessions give. Secrets."""
    found = {
        name: password.get_secret_value()
        for name, password in settings.passwords.datacentres.items()
    }
    if settings.passwords.peering is not None:
        found[PEERING_PASSWORD] = settings.passwords.peering.get_secret_value()
    return found


def _signed(settings: Settings) -> frozenset[str]:
    if not settings.fabric.security.generate_passwords:
        return frozenset(given_passwords(settings))
    names = (datacentre.name for datacentre in settings.fabric.datacentres)
    return frozenset((PEERING_PASSWORD, *names))


def _site(fabric: Fabric, addressings: Sequence[Addressing], datacentre: Datacentre) -> Site:
    numbers = range(1, datacentre.routers + 1)
    return Site(
        name=datacentre.name,
        index=datacentre.index,
        lans=tuple(addressing.lan(datacentre) for addressing in addressings),
        gateways=tuple(addressing.gateway(datacentre) for addressing in addressings),
        pod_ranges=tuple(addressing.pods(datacentre) for addressing in addressings),
        routers=tuple(_router(fabric, addressings, datacentre, number) for number in numbers),
        nodes=_nodes(fabric, addressings, datacentre),
    )


def _router(
    fabric: Fabric, addressings: Sequence[Addressing], datacentre: Datacentre, number: int
) -> Router:
    def nic(network: str, card: int, place: Callable[[Addressing], Interface | None]) -> Nic:
        mac = _mac(_ROUTER, datacentre.index, number, card)
        found = (place(addressing) for addressing in addressings)
        return Nic(network, mac, tuple(address for address in found if address is not None))

    lan = nic(lan_network(datacentre.name), 0, lambda a: a.router_on_lan(datacentre, number))
    second = nic(
        SECOND_PEERING_NETWORK, 3, lambda a: a.router_on_second_peering(datacentre, number)
    )
    return Router(
        name=f"{datacentre.name}-router{number}",
        datacentre=datacentre.name,
        number=number,
        asn=router_asn(fabric, datacentre),
        router_id=_router_id(lan, datacentre, FIRST_ROUTER_HOST + number - 1),
        lan=lan,
        wan=nic(WAN_NETWORK, 1, lambda a: a.router_on_wan(datacentre, number)),
        peering=nic(PEERING_NETWORK, 2, lambda a: a.router_on_peering(datacentre, number)),
        second_peering=second if second.addresses else None,
    )


def _nodes(
    fabric: Fabric, addressings: Sequence[Addressing], datacentre: Datacentre
) -> tuple[Node, ...]:
    by_role = {
        Role.CONTROLPLANE: addressings[0].controlplane_hosts(datacentre),
        Role.WORKER: addressings[0].worker_hosts(datacentre),
    }
    return tuple(
        _node(fabric, addressings, datacentre, role, number, host)
        for role, hosts in by_role.items()
        for number, host in enumerate(hosts, start=1)
    )


def _node(
    fabric: Fabric,
    addressings: Sequence[Addressing],
    datacentre: Datacentre,
    role: Role,
    number: int,
    host: int,
) -> Node:
    lan = Nic(
        lan_network(datacentre.name),
        _mac(_NODE, datacentre.index, host, 0),
        tuple(addressing.node(datacentre, host) for addressing in addressings),
    )
    return Node(
        name=node_name(datacentre.name, role, number),
        datacentre=datacentre.name,
        role=role,
        asn=cluster_asn(fabric, datacentre),
        router_id=_router_id(lan, datacentre, host),
        lan=lan,
        gateways=tuple(addressing.gateway(datacentre).ip for addressing in addressings),
        pod_cidrs=tuple(addressing.pod_cidr(datacentre, host) for addressing in addressings),
    )


def _router_id(lan: Nic, datacentre: Datacentre, host: int) -> IPv4Address:
    own = (address.ip for address in lan.addresses)
    return next((ip for ip in own if isinstance(ip, IPv4Address)), router_id(datacentre, host))


_ROUTER, _NODE = 0x10, 0x20


def _mac(kind: int, index: int, host: int, nic: int) -> str:
    """A locally administered MAC (IEEE 802, the second bit of the first octet)."""
    octets = (0x02, kind, index >> 8, index & 0xFF, host, nic)
    return ":".join(f"{octet:02x}" for octet in octets)
