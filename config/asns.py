"""Which AS a machine is in. The only place where AS numbers are decided."""

from __future__ import annotations

from config.schema import PER_DATACENTRE, Datacentre, Fabric

#: Where `per-datacentre` numbers begin, in the 32-bit private range (RFC 6996).
FIRST_ROUTER_ASN = 4200000000
FIRST_CLUSTER_ASN = 4200100000


def router_asn(fabric: Fabric, datacentre: Datacentre) -> int:
    """The AS of the datacentre's routers."""
    if datacentre.router_asn is not None:
        return datacentre.router_asn
    if fabric.asns.routers == PER_DATACENTRE:
        return FIRST_ROUTER_ASN + datacentre.index
    return fabric.asns.routers


def cluster_asn(fabric: Fabric, datacentre: Datacentre) -> int:
    """The AS of the datacentre's nodes."""
    if datacentre.cluster_asn is not None:
        return datacentre.cluster_asn
    if fabric.asns.cluster == PER_DATACENTRE:
        return FIRST_CLUSTER_ASN + datacentre.index
    return fabric.asns.cluster
