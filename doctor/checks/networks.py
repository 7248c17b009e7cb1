"""Whether the shared networks can be had: bridges that exist, or what libvirt makes them with."""

from __future__ import annotations

from collections.abc import Iterator

from doctor.finding import Check, Finding
from doctor.host import Host
from doctor.load import Load


def check(host: Host, load: Load) -> Check:
    """The bridges that the configuration names, and dnsmasq for the WAN that libvirt makes."""
    seen = ", ".join(load.bridges) or "libvirt makes them"
    return Check.of(f"networks on {host.machine}", seen, _findings(host, load))


def _findings(host: Host, load: Load) -> Iterator[Finding]:
    for bridge in load.bridges:
        if bridge not in host.bridges:
            yield Finding(
                f"{host.machine} has no bridge {bridge}, which the configuration's libvirt "
                f"names: sudo ip link add {bridge} up type bridge, and join to it the card that "
                "leads to the other hosts (lastingly: by the host's network configuration)"
            )
    if load.networks and not host.has_dnsmasq:
        # It answers the routers' questions for names at the gateway's address.
        yield Finding(
            f"{host.machine} has no dnsmasq, and libvirt starts it for the WAN that it makes: "
            "apt-get install dnsmasq-base"
        )
