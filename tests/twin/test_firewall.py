"""What the rendered firewall becomes: the text, what nft says to it, and what it lets through."""

import json
import subprocess
from typing import Any

import pytest
from syrupy.assertion import SnapshotAssertion

from config.load import load
from config.plan import make_plan
from render.artifacts import render
from twin import namespaces
from twin.firewall import ruleset

RENDERED = render(make_plan(load())).routers["dc1-router1"].files["/etc/config/firewall"]
DEVICES = {"lan": "br-lan", "wan": "eth1", "peering": "eth2"}

ZONES = """
config zone
    option name 'lan'
    list network 'lan'
    option input 'ACCEPT'
    option forward 'ACCEPT'

config zone
    option name 'wan'
    list network 'wan'
    option masq '1'
"""

DEFAULTS = """
config defaults
    option input 'REJECT'
    option forward 'DROP'
"""


def lines(firewall: str, devices: dict[str, str] = DEVICES) -> list[str]:
    return [line.strip() for line in ruleset(firewall, devices).splitlines()]


def test_the_rendered_firewall_becomes_these_rules(snapshot: SnapshotAssertion) -> None:
    assert ruleset(RENDERED, DEVICES) == snapshot


def test_the_rules_replace_those_that_stood_in_one_transaction() -> None:
    assert lines(RENDERED)[:3] == [
        "table inet fw4",
        "delete table inet fw4",
        "table inet fw4 {",
    ]


def test_only_what_leaves_by_the_wan_is_masqueraded() -> None:
    masquerading = [line for line in lines(RENDERED) if "masquerade" in line]
    (rule,) = masquerading
    assert rule.startswith('oifname { "eth1" } meta nfproto ipv4 ')


def test_a_zone_that_does_not_masquerade_keeps_every_source() -> None:
    kept = ZONES.replace("masq", "no_masq")
    assert not any("masquerade" in line for line in lines(DEFAULTS + kept))


@pytest.mark.parametrize(
    ("sources", "match"),
    [
        (["!10.113.0.0/16"], "ip saddr != { 10.113.0.0/16 }"),
        (["10.0.0.0/8", "10.9.0.1"], "ip saddr { 10.0.0.0/8, 10.9.0.1 }"),
        (["!10.1.0.1", "10.1.0.0/24"], "ip saddr { 10.1.0.0/24 } ip saddr != { 10.1.0.1 }"),
    ],
)
def test_a_zone_masquerades_whom_it_names_and_spares_whom_it_names_so(
    sources: list[str], match: str
) -> None:
    named = "".join(f"    list masq_src '{source}'\n" for source in sources)
    masquerading = [line for line in lines(DEFAULTS + ZONES + named) if "masquerade" in line]
    assert masquerading == [f'oifname {{ "eth1" }} meta nfproto ipv4 {match} masquerade']


@pytest.mark.parametrize(
    ("word", "lan", "spared"),
    [("ip", "10.1.1.0/24", "192.0.2.0/24"), ("ip6", "fd00:1::/64", "2001:db8::/32")],
)
def test_what_a_nat_section_accepts_leaves_untranslated(word: str, lan: str, spared: str) -> None:
    section = (
        "config nat\n    option name 'known'\n    option src 'wan'\n    option target 'ACCEPT'\n"
        f"    option src_ip '{lan}'\n    option dest_ip '{spared}'\n"
    )
    found = lines(DEFAULTS + ZONES + section)
    rule = (
        f'oifname {{ "eth1" }} {word} saddr {lan} {word} daddr {spared} counter accept '
        'comment "!fw4: known"'
    )
    (masquerading,) = (line for line in found if "masquerade" in line)
    assert found.index(rule) < found.index(masquerading)


INVALID = 'oifname { "eth1" } meta nfproto ipv4 ct state invalid drop'


def test_invalid_packets_do_not_leave_by_a_zone_that_masquerades() -> None:
    assert INVALID in lines(DEFAULTS + ZONES)


def test_ipv6_is_masqueraded_only_where_the_zone_says_so_of_it() -> None:
    both = lines(DEFAULTS + ZONES + "    option masq6 '1'\n")
    assert 'oifname { "eth1" } meta nfproto ipv6 masquerade' in both
    assert 'oifname { "eth1" } meta nfproto ipv6 ct state invalid drop' in both
    assert not any("nfproto ipv6" in line for line in lines(DEFAULTS + ZONES))


def test_invalid_packets_leave_where_the_zone_allows_them() -> None:
    assert INVALID not in lines(DEFAULTS + ZONES + "    option masq_allow_invalid '1'\n")


def test_the_rendered_firewall_lets_invalid_packets_through_everywhere() -> None:
    """The way back may be by another router, which has not seen the connection begin."""
    assert not any("invalid" in line for line in lines(RENDERED))


def test_a_pair_of_zones_is_open_one_way() -> None:
    forwarding = "config forwarding\n option src 'lan'\n option dest 'wan'\n"
    found = lines(DEFAULTS + ZONES + forwarding)
    assert 'iifname { "br-lan" } oifname { "eth1" } accept' in found
    assert 'iifname { "eth1" } oifname { "br-lan" } accept' not in found


def test_a_rule_counts_before_a_pair_of_zones_that_is_open() -> None:
    rule = "config rule\n option src 'lan'\n option dest 'wan'\n list dest_ip '10.0.0.0/8'\n"
    forwarding = "config forwarding\n option src 'lan'\n option dest 'wan'\n"
    judged = chain(ruleset(DEFAULTS + ZONES + forwarding + rule, DEVICES), "forward")
    refused = next(line for line in judged if "daddr" in line)
    opened = 'iifname { "br-lan" } oifname { "eth1" } accept'
    assert judged.index(refused) < judged.index(opened)


def test_nothing_comes_in_from_the_wan_in_the_rendered_firewall() -> None:
    found = lines(RENDERED)
    assert not any(line.startswith('iifname { "eth1" }') and "accept" in line for line in found)


def test_a_zone_without_a_device_has_no_rules() -> None:
    assert not any("eth1" in line for line in lines(DEFAULTS + ZONES, {"lan": "br-lan"}))


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        (
            "option src 'wan'\noption proto 'icmp'\nlist icmp_type 'echo-request'",
            [
                'iifname { "eth1" } meta l4proto icmp icmp type { echo-request } counter accept',
                'iifname { "eth1" } meta l4proto icmpv6 icmpv6 type { echo-request } '
                "counter accept",
            ],
        ),
        (
            "option src 'wan'\noption dest_port '22 8000:8010'\noption target 'DROP'",
            [
                'iifname { "eth1" } tcp dport { 22, 8000-8010 } counter drop',
                'iifname { "eth1" } udp dport { 22, 8000-8010 } counter drop',
            ],
        ),
        (
            "option src 'wan'\nlist src_ip '10.0.0.0/8'\noption proto 'all'",
            ['iifname { "eth1" } ip saddr { 10.0.0.0/8 } counter accept'],
        ),
        (
            "option src 'wan'\nlist proto 'vrrp'\noption target 'REJECT'",
            ['iifname { "eth1" } meta l4proto vrrp counter jump handle_reject'],
        ),
        (
            "option src 'wan'\noption family 'ipv6'\noption proto 'all'",
            ['iifname { "eth1" } meta nfproto ipv6 counter accept'],
        ),
        (
            "option src 'wan'\noption family 'ipv4'\nlist src_ip 'fd00::/8'\noption proto 'all'",
            [],
        ),
        (
            "option src 'wan'\noption proto 'all'\n"
            "list src_ip '10.0.0.0/8'\nlist src_ip 'fd00::/8'",
            [
                'iifname { "eth1" } ip saddr { 10.0.0.0/8 } counter accept',
                'iifname { "eth1" } ip6 saddr { fd00::/8 } counter accept',
            ],
        ),
        (
            "option src 'wan'\noption proto 'icmp'\noption family 'ipv6'\noption limit '10/sec'\n"
            "list icmp_type 'neighbour-solicitation'\nlist icmp_type 'bad-header'\n"
            "list icmp_type 'unknown-header-type'",
            [
                'iifname { "eth1" } meta nfproto ipv6 meta l4proto icmpv6 '
                "icmpv6 type { nd-neighbor-solicit, parameter-problem } "
                "limit rate 10/second counter accept"
            ],
        ),
        (
            "option src 'wan'\noption dest 'lan'\noption proto 'all'",
            ['iifname { "eth1" } oifname { "br-lan" } counter accept'],
        ),
        (
            "option src 'wan'\noption dest '*'\nlist src_ip '192.0.2.1'\noption proto 'all'",
            ['iifname { "eth1" } ip saddr { 192.0.2.1 } counter accept'],
        ),
        ("option src 'wan'\noption dest 'nowhere'\noption proto 'all'", []),
        ("option src 'nowhere'\noption proto 'all'", []),
        (
            "option name 'inside'\noption src 'lan'\noption dest 'wan'\nlist dest_ip '10.0.0.0/8'\n"
            "list dest_ip '192.168.0.0/16'\noption proto 'all'\noption target 'REJECT'",
            [
                'iifname { "br-lan" } oifname { "eth1" } ip daddr { 10.0.0.0/8, 192.168.0.0/16 } '
                'counter jump handle_reject comment "!fw4: inside"'
            ],
        ),
    ],
)
def test_a_rule_opens_or_closes_a_zone_or_the_way_to_another(
    rule: str, expected: list[str]
) -> None:
    without = lines(DEFAULTS + ZONES)
    found = lines(f"{DEFAULTS}{ZONES}\nconfig rule\n{rule}")
    assert [line for line in found if line not in without] == expected


@pytest.mark.parametrize(
    "firewall",
    [
        DEFAULTS + ZONES + "config forwarding\n option src 'lan'\n option dest 'nowhere'\n",
        "config defaults\n" + ZONES,
        ZONES,
    ],
)
def test_what_is_left_out_has_fw4s_default(firewall: str) -> None:
    ruleset(firewall, DEVICES)


def chain(script: str, name: str) -> list[str]:
    """The lines of one chain."""
    found = [line.strip() for line in script.splitlines()]
    begin = found.index(f"chain {name} {{")
    return found[begin + 1 : found.index("}", begin)]


@pytest.mark.parametrize(("dest", "name"), [("", "input"), ("option dest '*'", "forward")])
def test_a_rule_is_about_the_router_itself_or_about_what_is_behind_it(dest: str, name: str) -> None:
    rule = f"config rule\noption src 'wan'\nlist src_ip '192.0.2.1'\noption proto 'all'\n{dest}"
    script = ruleset(f"{DEFAULTS}{ZONES}\n{rule}", DEVICES)
    opened = 'iifname { "eth1" } ip saddr { 192.0.2.1 } counter accept'
    assert {c for c in ("input", "forward", "srcnat") if opened in chain(script, c)} == {name}
    judged = chain(script, name)
    assert judged.index(opened) < min(
        number for number, line in enumerate(judged) if line in {"drop", "jump handle_reject"}
    )


def nft(namespace: str, *arguments: str, script: str | None = None) -> str:
    with namespaces.inside(namespace):
        done = subprocess.run(
            ["nft", *arguments], input=script, capture_output=True, text=True, timeout=30
        )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.twin
def test_nft_takes_the_rendered_firewall(namespace: str) -> None:
    nft(namespace, "-c", "-f", "-", script=ruleset(RENDERED, DEVICES))


@pytest.mark.twin
@pytest.mark.parametrize(
    "rule",
    [
        "option proto 'icmp'\nlist icmp_type 'echo-request'\nlist icmp_type 'echo-reply'",
        "option dest_port '22 8000:8010'\nlist src_ip '10.0.0.0/8'\nlist src_ip '192.168.0.1'",
        "option proto 'all'\noption target 'DROP'",
        "list proto 'vrrp'\nlist proto 'tcp'",
    ],
)
def test_nft_takes_every_kind_of_rule(namespace: str, rule: str) -> None:
    script = ruleset(f"{DEFAULTS}{ZONES}config rule\noption src 'wan'\n{rule}", DEVICES)
    nft(namespace, "-c", "-f", "-", script=script)


@pytest.mark.twin
def test_the_rules_can_be_loaded_again_over_themselves(namespace: str) -> None:
    script = ruleset(RENDERED, DEVICES)
    nft(namespace, "-f", "-", script=script)
    once = nft(namespace, "list", "ruleset")
    nft(namespace, "-f", "-", script=script)
    assert nft(namespace, "list", "ruleset") == once


@pytest.mark.twin
def test_the_kernel_forwards_and_takes_in_only_what_the_zones_say(namespace: str) -> None:
    nft(namespace, "-f", "-", script=ruleset(RENDERED, DEVICES))
    chains = loaded_chains(namespace)
    assert {name: chain["policy"] for name, chain in chains.items() if "policy" in chain} == {
        "input": "drop",
        "forward": "drop",
        "srcnat": "accept",
    }
    assert chains["srcnat"]["hook"] == "postrouting"


def loaded_chains(namespace: str) -> dict[str, dict[str, Any]]:
    listed = json.loads(nft(namespace, "--json", "list", "ruleset"))["nftables"]
    return {item["chain"]["name"]: item["chain"] for item in listed if "chain" in item}
