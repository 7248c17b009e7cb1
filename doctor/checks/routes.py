"""Whether the plan's ranges are the host's own already, by another way."""

from __future__ import annotations

from collections.abc import Iterator

from doctor.finding import Check, Finding
from doctor.host import Host, Route
from doctor.load import Load


def check(host: Host, load: Load) -> Check:
    """The host's routes beside those that libvirt's WAN will make."""
    seen = "free" if load.networks else "the WAN is a bridge of the host's"
    return Check.of(f"ranges on {host.machine}", seen, _findings(host, load))


def _findings(host: Host, load: Load) -> Iterator[Finding]:
    """A wider route does no harm: the plan's are then the more specific ones."""
    for route in host.routes:
        if _is_ours(route, load):
            continue
        within = [n for n in load.networks if route.prefix.subnet_of(n.prefix)]
        if not within:
            continue
        taken = max(within, key=lambda network: network.prefix.prefixlen)
        same = route.prefix == taken.prefix
        yield Finding(
            f"{taken.setting} {taken.prefix} is in use on {host.machine} (route {route}): choose "
            "another range, or remove the route",
            # A part of a range is only cut off, and the plan may never use it.
            stops=same or taken.setting == "fabric.wan",
        )


def _is_ours(route: Route, load: Load) -> bool:
    """Whether the stack's own WAN brought it: the stack may stand already."""
    wan = next((n.prefix for n in load.networks if n.setting == "fabric.wan"), None)
    if wan is None:
        return False
    if route.gateway is not None:
        return route.gateway in wan
    return route.prefix == wan and route.source == load.gateway
