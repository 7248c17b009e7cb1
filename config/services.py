"""The services of a fabric: their addresses, where their pods are, who announces them."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from ipaddress import ip_network

from config.addressing import Addressing
from config.families import Address, Family, Network, family_of
from config.load_balancing import AddressType, DemoService, LoadBalancing, TrafficPolicy
from config.machines import Node, Role, Site
from config.pods import pod_address
from config.schema import Fabric
from config.service_addressing import ServiceAddressing


@dataclass(frozen=True, slots=True)
class Pool:
    """The ranges that VIPs come from, one in each family.

    A pool of one datacentre is for the services of that one.
    """

    name: str
    cidrs: tuple[Network, ...]
    datacentre: str | None = None


@dataclass(frozen=True, slots=True)
class Backend:
    """A pod behind a service: the number of it on its node, from 1, and its addresses there.

    The twin's pods are these. On a cluster they are on these nodes, with addresses of their own.
    """

    node: str
    datacentre: str
    number: int
    addresses: tuple[Address, ...]

    @property
    def pod(self) -> str:
        """The pod's name."""
        return f"{self.node}-pod{self.number}"


@dataclass(frozen=True, slots=True)
class Service:
    """A service with all its addresses, of each type one in each family.

    `datacentre` is where its pods must be, if anywhere.
    """

    name: str
    port: int
    policy: TrafficPolicy
    replicas: int
    datacentre: str | None
    addresses: Mapping[AddressType, tuple[Address, ...]]
    backends: tuple[Backend, ...]

    def is_local(self, kind: AddressType) -> bool:
        """Whether an address of this kind is answered by the asked node's own pods alone.

        For a ClusterIP it is `internalTrafficPolicy` that counts, and that is `Cluster` here.
        """
        return self.policy is TrafficPolicy.LOCAL and kind is not AddressType.CLUSTER_IP

    @property
    def vips(self) -> tuple[Address, ...]:
        """The addresses of the load balancer."""
        return self.addresses[AddressType.LOAD_BALANCER_IP]


@dataclass(frozen=True, slots=True)
class Services:
    """What is decided of services. What there is once in each family is in the families' order.

    `aggregation_lengths` are those of the families in which addresses are aggregated.
    `announced` are the ranges that announced addresses come from, with the length of the routes.
    """

    pools: tuple[Pool, ...]
    announce: tuple[AddressType, ...]
    selector: Mapping[str, str]
    aggregation_lengths: Mapping[Family, int]
    announced: tuple[tuple[Network, int], ...]
    demo: tuple[Service, ...]

    @property
    def most_pods_on_a_node(self) -> int:
        """How many pods the busiest node has of them."""
        return max((b.number for service in self.demo for b in service.backends), default=0)


def make_services(fabric: Fabric, sites: Sequence[Site]) -> Services:
    """Decide everything that follows from the settings. Raises `ConfigurationError`."""
    settings = fabric.load_balancing
    addressings = [ServiceAddressing(fabric, family) for family in fabric.families]
    lengths = {of.family: of.settings.aggregation_length for of in addressings}
    aggregation_lengths = {family: length for family, length in lengths.items() if length}
    schedulable = _schedulable(sites)
    taken: Counter[str] = Counter()
    return Services(
        pools=tuple(_pools(fabric)),
        announce=settings.announce,
        selector=settings.selector,
        aggregation_lengths=aggregation_lengths,
        announced=tuple(
            (network, aggregation_lengths.get(addressing.family, network.max_prefixlen))
            for addressing in addressings
            for network in map(addressing.range_of, settings.announce)
        ),
        demo=tuple(
            _service(item, settings, addressings, schedulable, taken) for item in settings.demo
        ),
    )


def announcements(services: Services, sites: Sequence[Site]) -> dict[Network, frozenset[str]]:
    """Which nodes announce which prefix, as long as all pods are there."""
    everyone = frozenset(node.name for site in sites for node in site.nodes)
    found: defaultdict[Network, frozenset[str]] = defaultdict(frozenset)
    for service in services.demo:
        with_pods = frozenset(backend.node for backend in service.backends)
        for kind in services.announce:
            announcing = with_pods if service.is_local(kind) else everyone
            for address in service.addresses[kind]:
                found[_prefix(address, services)] |= announcing
    return {prefix: nodes for prefix, nodes in found.items() if nodes}


def _prefix(address: Address, services: Services) -> Network:
    length = services.aggregation_lengths.get(family_of(address), address.max_prefixlen)
    return ip_network((address, length), strict=False)


def _pools(fabric: Fabric) -> Iterator[Pool]:
    if not fabric.load_balancing.has_pool_for_each:
        yield Pool("fabric", tuple(ranges.vips for ranges in fabric.ranges))
        return
    addressings = [Addressing(fabric, family) for family in fabric.families]
    for datacentre in sorted(fabric.datacentres, key=lambda datacentre: datacentre.index):
        cidrs = tuple(addressing.vips(datacentre) for addressing in addressings)
        yield Pool(datacentre.name, cidrs, datacentre.name)


def _service(
    item: DemoService,
    settings: LoadBalancing,
    addressings: Sequence[ServiceAddressing],
    schedulable: Mapping[str, Sequence[Node]],
    taken: Counter[str],
) -> Service:
    kinds = dict.fromkeys((AddressType.LOAD_BALANCER_IP, *settings.announce))
    addresses = {
        kind: tuple(addressing.address(item, kind) for addressing in addressings) for kind in kinds
    }
    return Service(
        name=item.name,
        port=item.port,
        policy=item.external_traffic_policy,
        replicas=item.replicas,
        datacentre=item.datacentre,
        addresses=addresses,
        backends=tuple(_backends(item, schedulable, taken)),
    )


def _schedulable(sites: Sequence[Site]) -> dict[str, Sequence[Node]]:
    """The nodes that carry pods, by datacentre: control planes do where there are no others."""
    nodes = {site.name: site.nodes for site in sites}
    if all(node.role is Role.CONTROLPLANE for of_site in nodes.values() for node in of_site):
        return dict(nodes)
    return {
        name: [node for node in of_site if node.role is not Role.CONTROLPLANE]
        for name, of_site in nodes.items()
    }


def _backends(
    item: DemoService, schedulable: Mapping[str, Sequence[Node]], taken: Counter[str]
) -> Iterator[Backend]:
    """Each pod where there are fewest: on the node, and then in the datacentre."""
    allowed = [
        node
        for name, nodes in schedulable.items()
        for node in nodes
        if item.datacentre in (None, name)
    ]
    placed: Counter[str] = Counter()
    for _ in range(item.replicas if allowed else 0):
        node = min(allowed, key=lambda node: (placed[node.name], placed[node.datacentre]))
        placed.update((node.name, node.datacentre))
        taken[node.name] += 1
        number = taken[node.name]
        addresses = tuple(pod_address(cidr, number) for cidr in node.pod_cidrs)
        yield Backend(node.name, node.datacentre, number, addresses)
