"""The plan: every machine, address, AS number and session of a fabric, decided once.

`make_plan` is pure and total: settings that `config.schema.load` has passed always have a plan.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from ipaddress import IPv4Interface, IPv4Network

from config.addressing import Addressing
from config.asns import cluster_asn, router_asn
from config.egress_gateways import Egress, make_egress
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
from config.redundancy import Bfd
from config.schema import Datacentre, Fabric, PodRoutes, Substrate, Timers
from config.security import Security
from config.services import Services, make_services
from config.sessions import PEERING_PASSWORD, Session, sessions
from config.settings import Settings


@dataclass(frozen=True, slots=True)
class Plan:
    """A fabric, complete. `sites` are in the order of their indexes.

    `passwords` are the names of the TCP MD5 passwords that sessions use. Their texts are no part of
    the plan: some are made only when the stack is.
    """

    cluster: str
    lans: IPv4Network
    pods: IPv4Network
    services: IPv4Network
    vips: IPv4Network
    egress: IPv4Network
    peering: IPv4Network
    second_peering: IPv4Network | None
    wan: IPv4Network
    wan_gateway: IPv4Interface
    management: tuple[IPv4Network, ...]
    node_pods_prefix_length: int
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
    def routers(self) -> tuple[Router, ...]:
        """All routers, datacentre by datacentre."""
        return tuple(router for site in self.sites for router in site.routers)

    @property
    def nodes(self) -> tuple[Node, ...]:
        """All nodes, datacentre by datacentre."""
        return tuple(node for site in self.sites for node in site.nodes)

    @property
    def metrics_readers(self) -> tuple[IPv4Network, ...]:
        """Who may read the routers' metrics: the fabric's own, management, whoever is named."""
        lans = (site.lan for site in self.sites if not site.lan.subnet_of(self.lans))
        own = (self.lans, *lans, self.pods)
        return tuple(dict.fromkeys((*own, *self.management, *self.observability.readers)))

    @property
    def peerings(self) -> Mapping[str, IPv4Network]:
        """The networks between routers by their names, in the order of the routers' NICs."""
        found = {PEERING_NETWORK: self.peering}
        if self.second_peering is not None:
            found[SECOND_PEERING_NETWORK] = self.second_peering
        return found


def make_plan(settings: Settings) -> Plan:
    """Decide everything that follows from the settings."""
    fabric = settings.fabric
    addressing = Addressing(fabric)
    ordered = sorted(fabric.datacentres, key=lambda datacentre: datacentre.index)
    sites = tuple(_site(fabric, addressing, datacentre) for datacentre in ordered)
    if settings.substrate is Substrate.LIBVIRT and not settings.libvirt.cluster:
        sites = tuple(replace(site, nodes=()) for site in sites)
    services = make_services(fabric, sites)
    egress = make_egress(fabric, sites, [network for network, _ in services.announced])
    most_pods = max(fabric.twin.pods_per_node, services.most_pods_on_a_node)
    ends = sessions(sites, full_mesh_limit=fabric.full_mesh_limit, signed=_signed(settings))
    return Plan(
        cluster=fabric.cluster,
        lans=fabric.lans,
        pods=fabric.pods,
        services=fabric.services,
        vips=fabric.vips,
        egress=fabric.egress,
        peering=fabric.peering,
        second_peering=fabric.redundancy.second_peering,
        wan=fabric.wan,
        wan_gateway=addressing.wan_gateway(),
        management=_management(settings, addressing),
        node_pods_prefix_length=fabric.node_pods_prefix_length,
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


def _management(settings: Settings, addressing: Addressing) -> tuple[IPv4Network, ...]:
    """Who may come in by the WAN. On libvirt the program itself must: it is the way to machines."""
    if settings.fabric.management is not None:
        return settings.fabric.management
    if settings.substrate is Substrate.LIBVIRT:
        return (IPv4Network(addressing.wan_gateway().ip),)
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


def _site(fabric: Fabric, addressing: Addressing, datacentre: Datacentre) -> Site:
    numbers = range(1, datacentre.routers + 1)
    return Site(
        name=datacentre.name,
        index=datacentre.index,
        lan=addressing.lan(datacentre),
        gateway=addressing.gateway(datacentre),
        pods=addressing.pods(datacentre),
        routers=tuple(_router(fabric, addressing, datacentre, number) for number in numbers),
        nodes=_nodes(fabric, addressing, datacentre),
    )


def _router(fabric: Fabric, addressing: Addressing, datacentre: Datacentre, number: int) -> Router:
    def mac(nic: int) -> str:
        return _mac(_ROUTER, datacentre.index, number, nic)

    second = addressing.router_on_second_peering(datacentre, number)
    return Router(
        name=f"{datacentre.name}-router{number}",
        datacentre=datacentre.name,
        number=number,
        asn=router_asn(fabric, datacentre),
        lan=Nic(lan_network(datacentre.name), mac(0), addressing.router_on_lan(datacentre, number)),
        wan=Nic(WAN_NETWORK, mac(1), addressing.router_on_wan(datacentre, number)),
        peering=Nic(PEERING_NETWORK, mac(2), addressing.router_on_peering(datacentre, number)),
        second_peering=Nic(SECOND_PEERING_NETWORK, mac(3), second) if second else None,
    )


def _nodes(fabric: Fabric, addressing: Addressing, datacentre: Datacentre) -> tuple[Node, ...]:
    by_role = {
        Role.CONTROLPLANE: addressing.controlplane_hosts(datacentre),
        Role.WORKER: addressing.worker_hosts(datacentre),
    }
    return tuple(
        Node(
            name=node_name(datacentre.name, role, number),
            datacentre=datacentre.name,
            role=role,
            asn=cluster_asn(fabric, datacentre),
            lan=Nic(
                lan_network(datacentre.name),
                _mac(_NODE, datacentre.index, host, 0),
                addressing.node(datacentre, host),
            ),
            gateway=addressing.gateway(datacentre).ip,
            pod_cidr=addressing.pod_cidr(datacentre, host),
        )
        for role, hosts in by_role.items()
        for number, host in enumerate(hosts, start=1)
    )


_ROUTER, _NODE = 0x10, 0x20


def _mac(kind: int, index: int, host: int, nic: int) -> str:
    """A locally administered MAC (IEEE 802, the second bit of the first octet)."""
    octets = (0x02, kind, index >> 8, index & 0xFF, host, nic)
    return ":".join(f"{octet:02x}" for octet in octets)
