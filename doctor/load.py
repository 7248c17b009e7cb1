"""What a stack asks of each libvirt host."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from config import families
from config.families import of
from config.libvirt import DomainType, Libvirt, NodeSize
from config.machines import Role, Site
from config.plan import Plan
from config.ranges import Ranges
from config.settings import Settings

_MEBIBYTES_PER_GIBIBYTE = 1024

#: The root of OpenWrt x86/64 (104 MiB, include/image-commands.mk) and its kernel.
ROUTER_MEBIBYTES = 112
#: The kernel and the initramfs of Talos, rounded up; an ISO has both.
TALOS_MEBIBYTES = 256


@dataclass(frozen=True, slots=True)
class Network:
    """A range that the host is to have a route to. `setting` is where it is chosen."""

    setting: str
    prefix: families.Network


@dataclass(frozen=True, slots=True)
class Load:
    """The machines, disks and networks of a stack on one host. Sizes are in MiB.

    `images` is written at once; `disks` is what they grow to at most. `gateways` and `networks`
    are of the WAN that libvirt makes there; without one, `networks` is empty.
    """

    uri: str
    type: DomainType
    pool: str
    machines: int
    memory: int
    images: int
    disks: int
    bridges: tuple[str, ...]
    gateways: tuple[families.Address, ...]
    networks: tuple[Network, ...]


def loads(settings: Settings, plan: Plan) -> list[Load]:
    """The load of each host, the one that has the shared networks first."""
    libvirt = settings.libvirt
    sites: dict[str, list[Site]] = {libvirt.uri: []}
    uris = {d.name: d.libvirt_uri or libvirt.uri for d in settings.fabric.datacentres}
    for site in plan.sites:
        sites.setdefault(uris[site.name], []).append(site)
    return [_load(libvirt, plan, uri, there) for uri, there in sites.items()]


def _load(libvirt: Libvirt, plan: Plan, uri: str, sites: Sequence[Site]) -> Load:
    routers = sum(len(site.routers) for site in sites)
    sizes = [
        libvirt.controlplane if node.role is Role.CONTROLPLANE else libvirt.worker
        for site in sites
        for node in site.nodes
    ]
    root = libvirt.openwrt.root_size_mb or ROUTER_MEBIBYTES
    images = routers * root + (TALOS_MEBIBYTES if libvirt.cluster else 0)
    makes_wan = uri == libvirt.uri and libvirt.wan.bridge is None
    return Load(
        uri=uri,
        type=libvirt.type,
        pool=libvirt.pool,
        machines=routers + len(sizes),
        memory=routers * libvirt.router.memory + sum(size.memory for size in sizes),
        images=images,
        disks=images + _disks(sizes),
        bridges=tuple(_bridges(libvirt, plan)),
        gateways=tuple(gateway.ip for gateway in plan.wan_gateways),
        networks=tuple(_networks(plan)) if makes_wan else (),
    )


def _bridges(libvirt: Libvirt, plan: Plan) -> Iterator[str]:
    """The bridges that are to be there for the networks that the plan has."""
    second = libvirt.second_peering.bridge if plan.second_peering else None
    for bridge in (libvirt.wan.bridge, libvirt.peering.bridge, second):
        if bridge is not None:
            yield bridge


def _disks(sizes: Sequence[NodeSize]) -> int:
    return sum(size.disk * _MEBIBYTES_PER_GIBIBYTE for size in sizes)


def _networks(plan: Plan) -> list[Network]:
    """What libvirt's WAN makes routes to: see `components.fabric_networks`."""
    return [network for ranges in plan.ranges for network in _of_family(plan, ranges)]


def _of_family(plan: Plan, ranges: Ranges) -> Iterator[Network]:
    for name in ("wan", "lans", "pods", "vips"):
        yield Network(ranges.field(name), getattr(ranges, name))
    for site in plan.sites:
        yield Network(f"the LAN of {site.name}", of(ranges.family, site.lans))
    for site in plan.sites:
        yield Network(f"the pods of {site.name}", of(ranges.family, site.pod_ranges))
