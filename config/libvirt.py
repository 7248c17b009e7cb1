"""The settings of the libvirt substrate: where machines run, on what, and how large they are.

Nothing here decides an address, an AS number or a session: those follow from `config.schema`.
"""

from __future__ import annotations

import re
from enum import StrEnum
from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from config.images import OpenWrtImage, TalosImage
from config.scalars import LibvirtUri, refusal
from config.strict import Strict

_INTERFACE = re.compile(r"[^\s/:]{1,15}")
_VERSION = re.compile(r"v?[0-9]+(\.[0-9]+){1,2}")


def _bridge(value: str) -> str:
    if not _INTERFACE.fullmatch(value):
        raise refusal("is no name of an interface", "write a bridge's name, at most 15 characters")
    return value


def _absolute(value: str) -> str:
    if not value.startswith("/") or value == "/":
        raise refusal("is no absolute path", "write a folder on the libvirt host, such as /srv/vms")
    return value.rstrip("/")


def _version(value: str) -> str:
    if not _VERSION.fullmatch(value):
        raise refusal("is no version", "write one such as 1.19.6")
    return value.removeprefix("v")


Bridge = Annotated[str, AfterValidator(_bridge)]
AbsolutePath = Annotated[str, AfterValidator(_absolute)]
Version = Annotated[str, AfterValidator(_version)]


class DomainType(StrEnum):
    """How the processor is had: by KVM, or by QEMU's emulation (slow, and works anywhere)."""

    KVM = "kvm"
    QEMU = "qemu"


class RouterSize(Strict):
    """An OpenWrt router's memory, in MiB, and processors, and what time it is given.

    It may take `boot_seconds` until it answers. A change of its files that is not confirmed within
    `confirm_seconds` is taken back. Both are for routers that are slow, such as emulated ones.
    """

    memory: int = Field(default=256, ge=64)
    vcpus: int = Field(default=1, ge=1)
    boot_seconds: int = Field(default=180, ge=10, le=3600)
    confirm_seconds: int = Field(default=30, ge=5, le=600)


class NodeSize(Strict):
    """A Talos node's memory, in MiB, processors and disk, in GiB.

    The least that Talos asks for: Talos docs, "System Requirements".
    """

    memory: int = Field(default=2048, ge=1024)
    vcpus: int = Field(default=2, ge=1)
    disk: int = Field(default=10, ge=10)


class ControlplaneSize(NodeSize):
    """A control plane's: etcd and the API server need more than a worker's share."""

    memory: int = Field(default=2048, ge=2048)
    vcpus: int = Field(default=2, ge=2)


class Wan(Strict):
    """The network between the routers and the internet.

    Without a bridge, libvirt makes the network, with the host at the WAN's gateway address. `nat`
    works anywhere and keeps the fabric to this host; `route` and `open` let other machines in, and
    leave NAT towards the internet to the host (libvirt docs, "Network XML format", forward mode).
    """

    bridge: Bridge | None = None
    mode: Literal["nat", "route", "open"] = "nat"


class Peering(Strict):
    """A network between the routers: libvirt's own, or a bridge that each host has."""

    bridge: Bridge | None = None


class Talos(Strict):
    """The Talos cluster.

    `protect` makes Pulumi refuse to delete the cluster's secrets, and with them the cluster.
    """

    protect: bool = True
    kubernetes: Version = "1.35.0"


class Cilium(Strict):
    """The chart: a version in a repository, or a file on this machine.

    Below 1.20.1, which takes ClusterIPs from pods of the host's network on Talos (cilium#48420).
    """

    version: Version = "1.19.6"
    repository: str = "https://helm.cilium.io"
    chart: str | None = None


class Libvirt(Strict):
    """All that only the libvirt substrate needs to know.

    `authorized_keys` may log in to the routers besides the program itself, which has its own key.
    `cluster: false` builds the network alone: routers, and no nodes to speak with. `pool` is the
    folder for the machines' disks; each stack has one of its own in it.
    """

    uri: LibvirtUri = "qemu:///system"
    pool: AbsolutePath = "/var/lib/libvirt/underlay"
    type: DomainType = DomainType.KVM
    autostart: bool = True
    cluster: bool = True
    authorized_keys: tuple[str, ...] = ()

    wan: Wan = Wan()
    peering: Peering = Peering()
    second_peering: Peering = Peering()

    router: RouterSize = RouterSize()
    controlplane: ControlplaneSize = ControlplaneSize()
    worker: NodeSize = NodeSize()

    openwrt: OpenWrtImage = OpenWrtImage()
    talos_image: TalosImage = TalosImage()
    talos: Talos = Talos()
    cilium: Cilium = Cilium()
