"""A segment: a switch that machines plug into, as a namespace with one bridge."""

from __future__ import annotations

from dataclasses import dataclass

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
        if is_new or self.drift():
            options = "type bridge forward_delay 0 mcast_snooping 0"
            iproute.batch(
                self.place.namespace,
                [f"link add {BRIDGE} {options}", f"link set {BRIDGE} up"],
            )

    def drift(self) -> list[str]:
        """Whether the switch is gone."""
        (devices,) = iproute.query(self.place.namespace, ["link show"])
        if any(device.get("ifname") == BRIDGE for device in devices):
            return []
        return ["the switch is gone"]


def port(mac: str) -> str:
    """The name of the port that the NIC of this MAC is plugged into: 13 of 15 characters."""
    return f"p{mac.replace(':', '')}"


def plug_command(*, machine_namespace: str, device: str, mac: str) -> str:
    """The command, to be run in the segment, that gives a machine a NIC on this switch."""
    return (
        f"link add {port(mac)} up master {BRIDGE} "
        f"type veth peer name {device} address {mac} netns {machine_namespace}"
    )
