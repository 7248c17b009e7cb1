"""A machine's cards as `ip -json address show` has them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import cast

Link = Mapping[str, object]


def cards(links: Sequence[Link], address: str) -> tuple[frozenset[str], tuple[str, ...]]:
    """All addresses; and what is down of the card that has this one, or of its bridge's ports."""
    of_link = {str(link["ifname"]): frozenset(_addresses(link)) for link in links}
    holders = {name for name, addresses in of_link.items() if address in addresses}
    down = (
        str(link["ifname"])
        for link in links
        if {link["ifname"], link.get("master")} & holders and link.get("operstate") == "DOWN"
    )
    return frozenset().union(*of_link.values()), tuple(down)


def _addresses(link: Link) -> Iterator[str]:
    for entry in cast("Sequence[Link]", link.get("addr_info") or ()):
        if "local" in entry:
            yield str(entry["local"])
