"""Who spoke BGP to a router without being in the plan: its firewall refused, and counted."""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import suppress
from typing import cast

from config.plan import Plan
from render.openwrt import BGP_OF_STRANGERS
from twin.firewall import COMMENT, TABLE
from twin.machine import MissingProgramError, run_nft
from twin.place import Place
from verify.model import Check, Finding

_LIST = ["--json", "list", "chain", *TABLE.split(), "input"]


def notes(stack: str, plan: Plan) -> list[Finding]:
    """What to know of: it was refused, so the network is as planned all the same.

    The counters begin anew whenever the firewall is loaded. Without one nobody is refused, and then
    drift is what there is to see.
    """
    found: list[Finding] = []
    for router in plan.routers:
        place = Place(stack, router.name)
        listed = "{}"
        if place.stands:
            with suppress(MissingProgramError):
                listed = run_nft(place, _LIST)
        for by, attempts in attempts_by_zone(listed).items():
            message = (
                f"{attempts} attempts at BGP by the {by} from addresses that are not in the plan "
                "were refused since the firewall was loaded"
            )
            found.append(Finding(router.name, Check.ANNOUNCEMENTS, message))
    return found


def attempts_by_zone(listed: str) -> dict[str, int]:
    """The packets that the firewall refused to strangers, by the zone; none where there were none.

    `listed` is the chain as nft prints it in JSON (libnftables-json(5)).
    """
    found: dict[str, int] = {}
    items = cast("list[Mapping[str, Mapping[str, object]]]", json.loads(listed).get("nftables", []))
    for item in items:
        rule = item.get("rule", {})
        name = str(rule.get("comment", "")).removeprefix(COMMENT)
        if name.startswith(BGP_OF_STRANGERS):
            parts = cast("list[Mapping[str, Mapping[str, int]]]", rule["expr"])
            packets = sum(part["counter"]["packets"] for part in parts if "counter" in part)
            if packets:
                found[name.removeprefix(BGP_OF_STRANGERS)] = packets
    return found
