"""Whether the plan's ranges are the host's own already, by another way."""

from __future__ import annotations

from collections.abc import Iterator

from config.families import is_within
from doctor.finding import Check, Finding
from doctor.host import Host, Route
from doctor.load import Load

_WANS = ("fabric.wan", "fabric.ipv6.wan")

#: What libvirt calls the bridge of a network whose configuration has no name for one.
_BRIDGES_OF_LIBVIRT = "virbr"


def check(host: Host, load: Load) -> Check:
    """The host's routes beside those that libvirt's WAN will make."""
    seen = "free" if load.networks else "the WAN is a bridge of the host's"
    return Check.of(f"ranges on {host.machine}", seen, _findings(host, load))


def _findings(host: Host, load: Load) -> Iterator[Finding]:
    """A wider route does no harm: the plan's are then the more specific ones."""
    for route in host.routes:
        if _is_ours(route, load):
            continue
        within = [n for n in load.networks if is_within(route.prefix, n.prefix)]
        if not within:
            continue
        taken = max(within, key=lambda network: network.prefix.prefixlen)
        same = route.prefix == taken.prefix
        yield Finding(
            f"{taken.setting} {taken.prefix} is in use on {host.machine} (route {route}): choose "
            "another range, or remove the route",
            # A part of a range is only cut off, and the plan may never use it.
            stops=same or taken.setting in _WANS,
        )


def _is_ours(route: Route, load: Load) -> bool:
    """Whether the stack's own WAN brought it: the stack may stand already."""
    wans = [network.prefix for network in load.networks if network.setting in _WANS]
    gateway = route.gateway
    if gateway is not None:
        return any(gateway in wan for wan in wans)
    is_own = route.source in load.gateways
    if route.prefix.version == 6:
        is_own = route.device.startswith(_BRIDGES_OF_LIBVIRT)  # such a route brings no source
    return route.prefix in wans and is_own
