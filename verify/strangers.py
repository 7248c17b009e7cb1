"""Who spoke BGP to a machine without being in the plan: its firewall refused, and counted."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import cast

from config.plan import Plan
from render.openwrt import BGP_OF_STRANGERS
from twin import firewall, ingress
from twin.machine import MissingProgramError, run_nft
from twin.place import Place
from verify.model import Check, Finding


def notes(stack: str, plan: Plan) -> list[Finding]:
    """What to know of: it was refused, so the network is as planned all the same.

    The counters begin anew whenever the firewall is loaded. Without one nobody is refused, and then
    drift is what there is to see.
    """
    whom = "from addresses that are not in the plan"
    found: list[tuple[str, str]] = []
    for router in plan.routers:
        listed = _chain(Place(stack, router.name), firewall.TABLE, "input")
        for by, attempts in attempts_by_zone(listed).items():
            found.append(
                (router.name, f"{attempts} attempts at BGP by the {by} {whom} were refused")
            )
    for node in plan.nodes:
        if packets := dropped(_chain(Place(stack, node.name), ingress.TABLE, ingress.CHAIN)):
            found.append((node.name, f"{packets} packets of BGP {whom} were dropped"))
    since = "since the firewall was loaded"
    return [Finding(name, Check.ANNOUNCEMENTS, f"{what} {since}") for name, what in found]


def _chain(place: Place, table: str, chain: str) -> str:
    """The chain as nft prints it in JSON (libnftables-json(5)); empty where there is none."""
    if place.stands:
        with suppress(MissingProgramError):
            return run_nft(place, ["--json", "list", "chain", *table.split(), chain])
    return "{}"


def attempts_by_zone(listed: str) -> dict[str, int]:
    """The packets that a router refused to strangers, by the zone; none where there were none."""
    names = ((name.removeprefix(firewall.COMMENT), packets) for name, packets in _counted(listed))
    return {
        name.removeprefix(BGP_OF_STRANGERS): packets
        for name, packets in names
        if name.startswith(BGP_OF_STRANGERS) and packets
    }


def dropped(listed: str) -> int:
    """The packets that a node dropped: its rules count nothing else."""
    return sum(packets for _, packets in _counted(listed))


def _counted(listed: str) -> Iterator[tuple[str, int]]:
    """The rules that count: their comments, and how many packets."""
    items = cast("list[Mapping[str, Mapping[str, object]]]", json.loads(listed).get("nftables", []))
    for rule in (item.get("rule", {}) for item in items):
        parts = cast("list[Mapping[str, Mapping[str, int]]]", rule.get("expr", []))
        counters = [part["counter"]["packets"] for part in parts if "counter" in part]
        if counters:
            yield str(rule.get("comment", "")), sum(counters)
