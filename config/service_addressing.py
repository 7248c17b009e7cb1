"""Which address belongs to which service. The only place where that is decided.

An address is the number of its service within a range, or the one that the service asks for.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from config.addressing import Addressing
from config.errors import refused
from config.families import Address, Family, Network
from config.load_balancing import AddressType, DemoService, FamilyLoadBalancing
from config.ranges import Ranges
from config.schema import Fabric

#: Where ClusterIPs of services of ours begin, behind those of the API server (1) and of DNS (10).
#: Kubernetes keeps at least 16 at the start of the range for those who choose theirs, 256 of a
#: large one (Kubernetes, "Service ClusterIP allocation").
FIRST_CLUSTER_IP_HOST = 11


@dataclass(frozen=True)
class ServiceAddressing:
    """The addresses of a fabric's services in one family. Methods raise `ConfigurationError`."""

    fabric: Fabric
    family: Family = Family.IPV4

    @cached_property
    def settings(self) -> FamilyLoadBalancing:
        """The settings of services in this family."""
        return self.fabric.load_balancing.in_family(self.family)

    @cached_property
    def ranges(self) -> Ranges:
        """The fabric's ranges in this family."""
        return self.fabric.ranges_of(self.family)

    def range_of(self, kind: AddressType) -> Network:
        """Where all addresses of this type come from."""
        match kind:
            case AddressType.LOAD_BALANCER_IP:
                return self.ranges.vips
            case AddressType.EXTERNAL_IP:
                return self.settings.external_ips
            case AddressType.CLUSTER_IP:
                return self.ranges.services

    def field_of(self, kind: AddressType) -> str:
        """The setting that says where addresses of this type come from."""
        match kind:
            case AddressType.LOAD_BALANCER_IP:
                return self.ranges.field("vips")
            case AddressType.EXTERNAL_IP:
                return self.settings.field("external_ips")
            case AddressType.CLUSTER_IP:
                return self.ranges.field("services")

    def pool_of(self, service: DemoService) -> Network:
        """The pool that the service's VIP is from. Its datacentre must be one of the fabric's."""
        settings = self.fabric.load_balancing
        named = [d for d in self.fabric.datacentres if d.name == service.datacentre]
        if not named and (service.datacentre or settings.has_pool_for_each):
            raise refused(
                f"fabric.load_balancing.demo[{settings.demo.index(service)}].datacentre",
                service.datacentre,
                "is no datacentre of the fabric"
                if service.datacentre
                else "is not given, and each datacentre has its own pool",
                f"name one of {', '.join(d.name for d in self.fabric.datacentres)}",
            )
        if settings.has_pool_for_each:
            return Addressing(self.fabric, self.family).vips(named[0])
        return self.ranges.vips

    def address(self, service: DemoService, kind: AddressType) -> Address:
        """The service's address of this type."""
        match kind:
            case AddressType.LOAD_BALANCER_IP:
                pool = self.pool_of(service)
                own = service.own_address(self.family)
                if own is not None:
                    return own
                return _host(self.field_of(kind), pool, service, service.index)
            case AddressType.EXTERNAL_IP:
                return _host(self.field_of(kind), self.range_of(kind), service, service.index)
            case AddressType.CLUSTER_IP:
                host = FIRST_CLUSTER_IP_HOST + service.index - 1
                return _host(self.field_of(kind), self.range_of(kind), service, host)


def _host(field: str, network: Network, service: DemoService, host: int) -> Address:
    if host >= network.num_addresses - 1:
        raise refused(
            field,
            network,
            f"has no host {host}, which the service {service.name} needs",
            "use a shorter prefix, or lower indexes of services",
        )
    return network.network_address + host
