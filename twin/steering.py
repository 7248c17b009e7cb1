"""What a node's kernel is told of egress gateways: marks, routes by marks, and new sources."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace

from config.families import Address, Family, Network
from twin import conntrack, iproute
from twin.egress import Entry
from twin.machine import run_nft
from twin.manifest import TranslationError
from twin.nft import WORDS, removal
from twin.place import Place

#: The first mark, which is also the number of the routing table that it leads to.
_FIRST_MARK = 100
_LAST_MARK = 199


def table(family: Family) -> str:
    """The table of nftables that a family's rules are in."""
    return f"{WORDS[family]} egress"


@dataclass(frozen=True, slots=True)
class Steering:
    """A node's part: its own pods' packets to gateways, and as a gateway everybody's to the world.

    It is of one family, as the `entries` are. `name` and `addresses` are the node's, `lans` the
    networks that it is on; `held` are all the addresses that its interfaces have.
    """

    family: Family
    name: str
    addresses: AbstractSet[Address]
    held: AbstractSet[Address]
    lans: tuple[Network, ...]
    entries: tuple[Entry, ...]

    @property
    def table(self) -> str:
        """The table of nftables that its rules are in."""
        return table(self.family)

    @property
    def no_rules(self) -> str:
        """The nftables script that leaves no rules, whether there were any or not."""
        return removal(self.table)

    @property
    def gateways(self) -> tuple[Address, ...]:
        """The other nodes that its pods leave by. Raises `TranslationError` for one elsewhere."""
        found = {e.gateway for e in self._of_own_pods() if not e.excluded and e.gateway}
        for gateway in sorted(found, key=int):
            if not any(gateway in lan for lan in self.lans):
                here = ", ".join(map(str, self.lans))
                raise TranslationError(
                    f"the egress gateway {gateway} is not in {here}, and the twin has no tunnel"
                )
        return tuple(sorted(found - self.addresses, key=int))

    def rules(self) -> str:
        """The nftables script; without entries that concern the node, no rules."""
        marks, sources = list(self._marks()), list(self._sources())
        if not marks:
            return self.no_rules
        lines = [
            f"table {self.table} {{",
            "chain steer {",
            "type filter hook prerouting priority mangle",
            # An answer to who asked from outside goes back as it came.
            "ct direction reply accept",
            *marks,
            "}",
            "chain leave {",
            # Before the translations of services and of masquerading.
            "type nat hook postrouting priority srcnat - 1",
            *sources,
            "}",
            "}",
        ]
        return self.no_rules + "\n".join(lines) + "\n"

    def moves(self, previous: Steering) -> bool:
        """Whether a connection that has come by here may now go another way than it did.

        Pods of other nodes have not come by before there was a rule for them.
        """
        own = replace(self, entries=tuple(self._of_own_pods()))
        return bool(previous._lines() - self._lines() or own._lines() - previous._lines())

    def _lines(self) -> set[str]:
        return {*self._marks(), *self._sources()}

    def _of_own_pods(self) -> Iterator[Entry]:
        return (entry for entry in self.entries if entry.node == self.name)

    def _match(self, entry: Entry) -> str:
        word = WORDS[self.family]
        return f"{word} saddr {entry.source} {word} daddr {entry.destination}"

    def _marks(self) -> Iterator[str]:
        mark = {gateway: number for number, gateway in _numbered(self.gateways)}
        for entry in self.entries:
            if entry.excluded or (entry.gateway in self.addresses and entry.address in self.held):
                verdict = "accept"
            elif entry.gateway in mark and entry.node == self.name:
                verdict = f"meta mark set {mark[entry.gateway]} accept"
            else:
                # Nobody is the gateway, or it lacks the address: nothing leaves by another way.
                verdict = "drop"
            if entry.node == self.name or entry.gateway in self.addresses:
                yield f"{self._match(entry)} {verdict}"

    def _sources(self) -> Iterator[str]:
        for entry in self.entries:
            if entry.gateway in self.addresses:
                verdict = "accept" if entry.excluded else f"snat to {entry.address}"
                yield f"{self._match(entry)} {verdict}"


def apply(node: Place, steering: Steering, previous: Steering | None, *, is_new: bool) -> None:
    """Make the node's kernel do so. A new node has nothing that could be in the way.

    Cilium judges packet by packet, the kernel only the first of a connection. So where one may have
    to move, all begin anew; those that were translated are lost with Cilium as well.
    """
    is_bare = is_new or (previous is not None and not previous.entries)
    if is_bare and not steering.entries:
        return
    run_nft(node, ["-f", "-"], steering.rules())
    iproute.batch(node.namespace, _commands(node, steering), steering.family)
    if previous is not None and steering.moves(previous):
        conntrack.forget(node.namespace)


def drift(node: Place, steering: Steering) -> list[str]:
    """What is not so. Without entries there is nothing to look for."""
    if not steering.entries:
        return []
    found = [f"needs: {command}" for command in _commands(node, steering)]
    has_rules = f"table {steering.table}" in run_nft(node, ["list", "tables"]).splitlines()
    if has_rules != (steering.rules() != steering.no_rules):
        found.append(f"the rules of egress gateways in {steering.family.label} changed")
    return found


def _commands(node: Place, steering: Steering) -> list[str]:
    """What `ip` must do: for each gateway, a table with one route and a rule that leads there.

    The route is not `proto static`, which is what a machine's own network is told by.
    """
    wanted = {number: str(gateway) for number, gateway in _numbered(steering.gateways)}
    questions = ["rule show", "route show table all"]
    rules, routes = iproute.query(node.namespace, questions, steering.family)
    ruled = {int(str(rule["table"])) for rule in rules if _is_ours(rule)}
    routed = {
        int(str(route["table"])): str(route.get("gateway")) for route in routes if _is_ours(route)
    }
    return [
        *(f"rule del fwmark {number} table {number}" for number in sorted(ruled - wanted.keys())),
        *(f"route flush table {number}" for number in sorted(routed.keys() - wanted.keys())),
        *(
            f"route replace default via {gateway} table {number}"
            for number, gateway in wanted.items()
            if routed.get(number) != gateway
        ),
        *(f"rule add fwmark {number} table {number}" for number in sorted(wanted.keys() - ruled)),
    ]


def _numbered(gateways: Sequence[Address]) -> Iterator[tuple[int, Address]]:
    return enumerate(gateways, start=_FIRST_MARK)


def _is_ours(item: dict[str, object]) -> bool:
    table = str(item.get("table", ""))
    return table.isdigit() and _FIRST_MARK <= int(table) <= _LAST_MARK
