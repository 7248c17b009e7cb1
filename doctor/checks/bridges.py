"""Whether the bridges that the configuration names are there."""

from __future__ import annotations

from collections.abc import Iterator

from doctor.finding import Check, Finding
from doctor.host import Host
from doctor.load import Load


def check(host: Host, load: Load) -> Check:
    """The shared networks, where they are bridges of the host's."""
    seen = ", ".join(load.bridges) or "libvirt makes the networks"
    return Check.of(f"bridges on {host.machine}", seen, findings(host, load.bridges))


def findings(host: Host, bridges: tuple[str, ...]) -> Iterator[Finding]:
    """Each that is missing."""
    for bridge in bridges:
        if bridge not in host.bridges:
            yield Finding(
                f"{host.machine} has no bridge {bridge}, which libvirt.wan or libvirt.peering "
                f"names: sudo ip link add {bridge} up type bridge, and join to it the card that "
                "leads to the other hosts (lastingly: by the host's network configuration)"
            )
