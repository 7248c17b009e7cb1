"""Machines that have everything, to take one thing away from."""

from dataclasses import replace
from typing import Any

from config.load import load
from config.plan import make_plan
from doctor.host import Host, Kvm
from doctor.load import Load, loads

FABRIC = {"datacentres": [{"nodes": {"controlplanes": 1}}, {"nodes": {"workers": 1}}]}


def load_of(fabric: dict[str, Any] | None = None, **libvirt: Any) -> Load:  # noqa: ANN401
    """What the articles' set-up asks of its only host."""
    return loads_of(fabric, **libvirt)[0]


def loads_of(fabric: dict[str, Any] | None = None, **libvirt: Any) -> list[Load]:  # noqa: ANN401
    settings = load(fabric or FABRIC, libvirt=libvirt, substrate="libvirt")
    return loads(settings, make_plan(settings))


def able(**changes: Any) -> Host:  # noqa: ANN401
    """A host that has everything, but for the changes."""
    host = Host(
        machine="fra",
        kvm=Kvm(open_to_user=False, open_to_qemu=True),
        has_virtualisation=True,
        is_virtual=False,
        has_qemu=True,
        has_dnsmasq=True,
        qemu_user="libvirt-qemu",
        memory_total=16000,
        memory_available=12000,
        disk_folder="/var/lib",
        disk_available=100_000,
        closed_folders=(),
        bridges=frozenset(),
        routes=(),
    )
    return replace(host, **changes)
