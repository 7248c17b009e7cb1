"""The stack's configuration: every setting has a default and can be overridden on its own.

Models only: `config.load` is the way in.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from ipaddress import IPv4Network
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, PlainValidator, TypeAdapter

from config.egress import EgressGateway
from config.families import Family, Network
from config.load_balancing import LoadBalancing
from config.observability import Observability
from config.ranges import LENGTHS, RANGES, Ipv6, Ranges
from config.redundancy import Redundancy
from config.scalars import (
    AnyPrefix,
    Asn,
    DnsLabel,
    LibvirtUri,
    Password,
    Prefix,
    Prefix6,
    Seconds,
    Whole,
    refusal,
)
from config.security import Security
from config.strict import Strict


class Substrate(StrEnum):
    """What the plan is built on."""

    TWIN = "twin"
    LIBVIRT = "libvirt"


class Nodes(Strict):
    """How many Talos nodes a datacentre has, by role."""

    controlplanes: Whole = Field(default=0, ge=0, le=9)
    workers: Whole = Field(default=0, ge=0, le=1000)


#: A MAC has two octets for the datacentre (config/plan.py).
_LARGEST_INDEX = 0xFFFF


class Datacentre(Strict):
    """One datacentre. Whatever is left out follows from its index."""

    name: DnsLabel
    index: Whole = Field(ge=1, le=_LARGEST_INDEX)
    lan: Prefix | None = None
    ipv6_lan: Prefix6 | None = None
    routers: Whole = Field(default=1, ge=1, le=2)
    nodes: Nodes
    libvirt_uri: LibvirtUri | None = None
    router_asn: Asn | None = None
    cluster_asn: Asn | None = None

    def own_lan(self, family: Family) -> Network | None:
        """The LAN that it names in this family, if it does."""
        return self.lan if family is Family.IPV4 else self.ipv6_lan


PER_DATACENTRE: Literal["per-datacentre"] = "per-datacentre"


def _asn_choice(value: object) -> object:
    if value == PER_DATACENTRE:
        return value
    if isinstance(value, str) and not value.isdigit():
        raise refusal("is not an AS number", f"write a number, or {PER_DATACENTRE}")
    return _ASN.validate_python(value)


_ASN: TypeAdapter[int] = TypeAdapter(Asn)
AsnChoice = Annotated[int | Literal["per-datacentre"], PlainValidator(_asn_choice)]


class Asns(Strict):
    """The AS numbers of routers and nodes.

    A number is shared by all datacentres, which makes the sessions between routers iBGP.
    `per-datacentre` gives each its own from the 32-bit private range (RFC 6996).
    """

    routers: AsnChoice = 65000
    cluster: AsnChoice = 65001


class Timers(Strict):
    """BGP's timers, in seconds, for both ends of every session."""

    hold_time: Annotated[Whole, Field(ge=3, le=65535)] = 9
    keepalive_time: Seconds = 3
    connect_delay_time: Seconds = 1
    connect_retry_time: Seconds = 5
    graceful_restart_time: Annotated[Whole, Field(ge=1, le=4095)] = 120


class Passwords(Strict):
    """TCP MD5 passwords (RFC 2385) of one's own. What is left out is made, unless that is off."""

    peering: Password | None = None
    datacentres: dict[str, Password] = Field(default_factory=dict)


class Twin(Strict):
    """What only the twin needs to know."""

    pods_per_node: Whole = Field(default=1, ge=1, le=100)


_MOST_BY_NUMBER = 10_000


def _plain_number(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _spell_out_nodes(item: object, *, first: bool, cluster_has_controlplanes: bool) -> object:
    count = 2 if item is None else _plain_number(item)
    if count is None:
        return item
    if first and not cluster_has_controlplanes and count >= 1:
        return {"controlplanes": 1, "workers": count - 1}
    return {"workers": count}


def _declares_controlplanes(item: object) -> bool:
    nodes = item.get("nodes") if isinstance(item, Mapping) else None
    return isinstance(nodes, Mapping) and bool(nodes.get("controlplanes"))


def _spell_out_datacentres(value: object) -> object:
    """`3` is three datacentres; a number of nodes is that many workers.

    The cluster needs a control plane somewhere: where no datacentre asks for one, the first of
    the list turns its first node into it.
    """
    count = _plain_number(value)
    if count is not None:
        if count < 1:
            raise refusal("is no fabric", "write 1 or more, or a list of datacentres")
        if count > _MOST_BY_NUMBER:
            raise refusal("is more than any range has room for", f"write {_MOST_BY_NUMBER} at most")
        value = [{} for _ in range(count)]
    if not isinstance(value, list | tuple):
        raise refusal("is neither a number nor a list", "write datacentres: 2, or a list of them")
    has_controlplanes = any(_declares_controlplanes(item) for item in value)
    spelt: list[object] = []
    for position, item in enumerate(value):
        if not isinstance(item, Mapping):
            spelt.append(item)
            continue
        index = item.get("index", position + 1)
        nodes = _spell_out_nodes(
            item.get("nodes"), first=position == 0, cluster_has_controlplanes=has_controlplanes
        )
        number = position + 1 if _plain_number(index) is None else index
        spelt.append({"name": f"dc{number}", **item, "index": index, "nodes": nodes})
    return spelt


Datacentres = Annotated[
    tuple[Datacentre, ...], BeforeValidator(_spell_out_datacentres), Field(min_length=1)
]


class PodRoutes(StrEnum):
    """What routers tell those of other datacentres about their pods."""

    EACH = "each"
    SUMMARY = "summary"
    NONE = "none"


def _families(value: object) -> object:
    if not isinstance(value, list | tuple) or not value:
        raise refusal("is no list of families", "write [ipv4], [ipv4, ipv6] or [ipv6]")
    for family in value:
        if family not in tuple(Family):
            raise refusal(f"has {family}, which is no family", "write ipv4 or ipv6")
    if len(set(value)) != len(value):
        raise refusal("names a family twice", "name each once")
    return value


Families = Annotated[tuple[Family, ...], BeforeValidator(_families)]


class Fabric(Strict):
    """The whole network: its ranges, its datacentres, and how they speak BGP.

    The first of `families` is the primary one: Kubernetes gives it to a service that names none.

    `management` are the addresses that may come in by the WAN unasked: to the routers, and through
    them to nodes, pods and VIPs. Left out, that is nobody on the twin, and on libvirt the WAN's
    gateway, which is the host.
    """

    cluster: DnsLabel = "underlay"
    datacentres: Datacentres = Field(default=2, validate_default=True)  # the short form, spelt out
    families: Families = (Family.IPV4,)

    lans: Prefix = IPv4Network("10.1.0.0/16")
    lan_prefix_length: Whole = Field(default=24, ge=16, le=29)
    pods: Prefix = IPv4Network("10.128.0.0/9")
    node_pods_prefix_length: Whole = Field(default=24, ge=16, le=28)
    services: Prefix = IPv4Network("10.96.0.0/12")
    vips: Prefix = IPv4Network("10.112.0.0/16")
    egress: Prefix = IPv4Network("10.113.0.0/16")
    peering: Prefix = IPv4Network("172.30.0.0/22")
    wan: Prefix = IPv4Network("172.31.0.0/22")
    ipv6: Ipv6 = Ipv6()
    management: tuple[AnyPrefix, ...] | None = None

    pod_routes: PodRoutes = PodRoutes.EACH
    load_balancing: LoadBalancing = LoadBalancing()
    egress_gateway: EgressGateway | None = None
    asns: Asns = Asns()
    timers: Timers = Timers()
    full_mesh_limit: Whole = Field(default=6, ge=2)
    security: Security = Security()
    redundancy: Redundancy = Redundancy()
    twin: Twin = Twin()
    observability: Observability = Observability()

    @property
    def tightest_ranges(self) -> Ranges:
        """Those of the family in which a node has room for the fewest pods."""
        return min(self.ranges, key=lambda ranges: ranges.most_pods)

    @property
    def ranges(self) -> tuple[Ranges, ...]:
        """The ranges of each family that the fabric has, the primary one's first."""
        return tuple(self.ranges_of(family) for family in self.families)

    def ranges_of(self, family: Family) -> Ranges:
        """The ranges of one family."""
        holder = self if family is Family.IPV4 else self.ipv6
        return Ranges(family, **{name: getattr(holder, name) for name in (*RANGES, *LENGTHS)})
