"""What a libvirt host has, as `probe.sh` saw it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from ipaddress import ip_address, ip_network

from config.families import Address, Network

_OPEN_TO_OTHERS, _OPEN_TO_GROUP = 0o006, 0o060
_SEARCHABLE_BY_OTHERS = 0o001


@dataclass(frozen=True, slots=True)
class Kvm:
    """`/dev/kvm`: whether this user may open it, and QEMU of libvirt's system session."""

    open_to_user: bool
    open_to_qemu: bool


@dataclass(frozen=True, slots=True)
class Route:
    """A route of the main table. `source` is what a network's own route brings in IPv4."""

    prefix: Network
    device: str
    gateway: Address | None = None
    source: Address | None = None

    def __str__(self) -> str:
        by = f" via {self.gateway}" if self.gateway else ""
        return f"{self.prefix}{by} dev {self.device}"


@dataclass(frozen=True, slots=True)
class Host:
    """A machine with libvirt. Memory and disk are in MiB.

    `disk_folder` is the nearest folder of the pool's path that exists, and `closed_folders` are
    those on the way to it that others than their owner may not pass. `kvm` is None without
    `/dev/kvm`; `has_virtualisation` is what the processor says of itself. `qemu_user` is whom
    libvirt's system session runs QEMU as; root where that cannot be told.
    """

    machine: str
    kvm: Kvm | None
    has_virtualisation: bool
    is_virtual: bool
    has_qemu: bool
    has_dnsmasq: bool
    qemu_user: str
    memory_total: int
    memory_available: int
    disk_folder: str
    disk_available: int
    closed_folders: tuple[str, ...]
    bridges: frozenset[str]
    routes: tuple[Route, ...]


def parse(machine: str, output: str) -> Host:
    """The probe's answer. Raises `LookupError` if it is none."""
    found: dict[str, list[str]] = {}
    for line in output.splitlines():
        key, _, value = line.partition(" ")
        found.setdefault(key, []).append(value)

    def one(key: str) -> str:
        if key not in found:
            raise LookupError(f"{machine} does not say its {key}")
        return found[key][0]

    return Host(
        machine=machine,
        kvm=_kvm(found),
        has_virtualisation="virtualisation" in found,
        is_virtual="is_virtual" in found,
        has_qemu="qemu" in found,
        has_dnsmasq="dnsmasq" in found,
        qemu_user=_qemu_user(found)[0],
        memory_total=int(one("memory_total")) // 1024,
        memory_available=int(one("memory_available")) // 1024,
        disk_folder=one("disk_folder"),
        disk_available=int(one("disk_available")) // 1024,
        closed_folders=tuple(_closed(found.get("folder", []))),
        bridges=frozenset(found.get("bridge", [])),
        routes=tuple(_routes(found.get("routes", ["[]"])[0])),
    )


def _kvm(found: Mapping[str, Sequence[str]]) -> Kvm | None:
    if "kvm" not in found:
        return None
    mode, owner, group = found["kvm"][0].split()
    user, groups = _qemu_user(found)
    bits = int(mode, 8)
    is_open = (
        bits & _OPEN_TO_OTHERS == _OPEN_TO_OTHERS
        or (bits & _OPEN_TO_GROUP == _OPEN_TO_GROUP and group in groups)
        or user in ("root", owner)
    )
    return Kvm("kvm_open_to_user" in found, is_open)


def _qemu_user(found: Mapping[str, Sequence[str]]) -> tuple[str, Sequence[str]]:
    user, *groups = found.get("qemu_user", ["root"])[0].split()
    return user, groups


def _closed(folders: Sequence[str]) -> list[str]:
    split = (folder.partition(" ") for folder in folders)
    return [path for mode, _, path in split if not int(mode, 8) & _SEARCHABLE_BY_OTHERS]


def _routes(text: str) -> list[Route]:
    """From `ip -json route show table all`. The default route belongs to nobody's range."""
    return [
        Route(
            ip_network(route["dst"]),
            route.get("dev", "?"),
            ip_address(route["gateway"]) if "gateway" in route else None,
            ip_address(route["prefsrc"]) if "prefsrc" in route else None,
        )
        for route in json.loads(text or "[]")
        if "table" not in route and route.get("dst") != "default"
    ]
