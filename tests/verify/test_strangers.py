"""What the firewall counted, as nft prints it."""

import json

from verify.strangers import attempts_by_zone, dropped


def listed(*rules: tuple[str, int]) -> str:
    items = [{"metainfo": {"version": "1.0.6"}}, {"chain": {"name": "input"}}]
    found = [
        {"rule": {"comment": f"!fw4: {name}", "expr": [{"counter": {"packets": count}}]}}
        for name, count in rules
    ]
    bare = {"rule": {"expr": [{"accept": None}]}}
    return json.dumps({"nftables": [*items, bare, *found]})


def test_refused_attempts_are_counted_by_the_zone_they_came_from() -> None:
    text = listed(
        ("bgp-of-nodes", 9), ("bgp-of-strangers-by-lan", 3), ("bgp-of-strangers-by-peering", 0)
    )
    assert attempts_by_zone(text) == {"lan": 3}


def test_a_machine_without_a_firewall_has_counted_nothing() -> None:
    assert attempts_by_zone("{}") == {}
    assert dropped("{}") == 0


def test_what_a_node_dropped_is_counted_over_both_families() -> None:
    assert dropped(listed(("", 3), ("", 4))) == 7
