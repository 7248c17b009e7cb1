"""The host on the WAN side: the routers' way out, and what sees where traffic comes from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from config import families
from twin.machine import (
    Nic,
    apply_network,
    device_name,
    drift_of_network,
    observe_if_old,
    plug,
    static_neighbors,
)
from twin.network import Address, Network, Route
from twin.place import Place


@dataclass(frozen=True, slots=True)
class Host:
    """A host with one card, and an address in each family, and ways to what is behind routers."""

    place: Place
    nics: tuple[Nic, ...]
    addresses: tuple[families.Interface, ...]
    routes: Mapping[families.Network, families.Address] = field(default_factory=dict)

    def build(self, owner: str, previous: Host | None = None) -> None:
        """Boot the host, or bring a running one to what it should be."""
        is_new = self.place.claim(owner)
        observed = plug(self.place, self.nics, observe_if_old(self.place, is_new=is_new))
        apply_network(
            self.place, observed, self.network(), previous.network() if previous else None
        )

    def drift(self) -> list[str]:
        """What is not as it should be."""
        observed = observe_if_old(self.place, is_new=False)
        return drift_of_network(observed, self.network(), len(self.nics))

    def network(self) -> Network:
        """One card, its addresses, and the routes."""
        card = device_name(0)
        return Network(
            up=frozenset({"lo", card}),
            addresses=frozenset(Address(card, address) for address in self.addresses),
            routes=frozenset(Route(prefix, gateway) for prefix, gateway in self.routes.items()),
            neighbors=static_neighbors(self.nics, [card]),
        )
