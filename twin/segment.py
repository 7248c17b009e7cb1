"""A segment: a switch that machines plug into, as a namespace with one bridge."""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

from twin import iproute
from twin.place import Place

#: The bridge's name inside the segment's namespace.
BRIDGE = "switch"


@dataclass(frozen=True, slots=True)
class Segment:
    """A switch that stands in a place of its own."""

    place: Place

    def build(self, owner: str, previous: Segment | None = None) -> None:
        """Make the switch, or find it made."""
        is_new = self.place.claim(owner)
        options = "type bridge forward_delay 0 mcast_snooping 0"
        add = [] if not is_new and BRIDGE in self._flags() else [f"link add {BRIDGE} {options}"]
        iproute.batch(self.place.namespace, [*add, f"link set {BRIDGE} up"])

    def drift(self) -> list[str]:
        """Whether the switch is gone, or off."""
        flags = self._flags().get(BRIDGE)
        if flags is None:
            return ["the switch is gone"]
        return [] if "UP" in flags else ["the switch is off"]

    def _flags(self) -> dict[str, list[str]]:
        (devices,) = iproute.query(self.place.namespace, ["link show"])
        return {str(d["ifname"]): cast("list[str]", d["flags"]) for d in devices}


def port(mac: str) -> str:
    """The name of the port that the NIC of this MAC is plugged into: 13 of 15 characters."""
    return f"p{mac.replace(':', '')}"


def plug_command(*, machine_namespace: str, device: str, mac: str) -> str:
    """The command, to be run in the segment, that gives a machine a NIC on this switch."""
    return (
        f"link add {port(mac)} up master {BRIDGE} "
        f"type veth peer name {device} address {mac} netns {machine_namespace}"
    )
