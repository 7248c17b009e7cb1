"""What OpenWrt's firewall makes of /etc/config/firewall, as nftables.

Follows fw4 (https://openwrt.org/docs/guide-user/firewall/firewall_configuration, and its templates
`ruleset.uc` and `rule.uc`): a packet is judged by the zone of the interface it comes by, forwarding
is per pair of zones, rules come before both, count, and carry their names. A masquerading zone
rewrites sources on the way out and drops invalid packets unless `masq_allow_invalid` is set.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from twin.uci import Section, parse

#: fw4's own name for its table, so that what users know works: `nft list table inet fw4`.
TABLE = "inet fw4"

#: What fw4 writes before a rule's name.
COMMENT = "!fw4: "

_VERDICTS = {"ACCEPT": "accept", "REJECT": "jump handle_reject", "DROP": "drop"}

#: With a reset or an error, so that whoever asks need not wait.
_REJECTING = (
    "  chain handle_reject {",
    "    meta l4proto tcp reject with tcp reset",
    "    reject with icmpx type port-unreachable",
    "  }",
)


@dataclass(frozen=True, slots=True)
class Zone:
    """A zone with the devices of its networks."""

    name: str
    devices: tuple[str, ...]
    section: Section

    @property
    def interfaces(self) -> str:
        """The devices as an nftables set."""
        return "{ " + ", ".join(f'"{device}"' for device in self.devices) + " }"

    def verdict(self, chain: str, default: str) -> str:
        """The policy for `input`, `output` or `forward`."""
        return _VERDICTS[self.section.get(chain) or default or "REJECT"]


def ruleset(firewall: str, devices: Mapping[str, str]) -> str:
    """The nftables script for a firewall file.

    `devices` is the device of each network, as the network file has it. The script replaces the
    table in one transaction.
    """
    sections = parse(firewall)
    defaults = next((s for s in sections if s.type == "defaults"), Section("defaults", None))
    zones = [_zone(section, devices) for section in sections if section.type == "zone"]
    zones = [zone for zone in zones if zone.devices]
    forwardings = [section for section in sections if section.type == "forwarding"]
    rules = [section for section in sections if section.type == "rule"]
    return "\n".join(
        [
            f"table {TABLE}",
            f"delete table {TABLE}",
            f"table {TABLE} {{",
            *_REJECTING,
            *_input(defaults, zones, rules),
            *_forward(defaults, zones, forwardings, rules),
            *_postrouting(zones),
            "}",
            "",
        ]
    )


def _zone(section: Section, devices: Mapping[str, str]) -> Zone:
    networks = section.values("network")
    found = tuple(devices[network] for network in networks if network in devices)
    return Zone(section.get("name"), found, section)


def _input(defaults: Section, zones: Sequence[Zone], rules: Sequence[Section]) -> Iterator[str]:
    policy = _VERDICTS[defaults.get("input", "REJECT")]
    yield "  chain input {"
    yield "    type filter hook input priority filter; policy drop;"
    yield '    iifname "lo" accept'
    yield "    ct state established,related accept"
    for rule in rules:
        if not rule.get("dest"):
            yield from _rule(rule, zones)
    for zone in zones:
        yield f"    iifname {zone.interfaces} {zone.verdict('input', defaults.get('input'))}"
    yield f"    {policy}"
    yield "  }"


def _rule(rule: Section, zones: Sequence[Zone]) -> Iterator[str]:
    """A rule that opens or closes a zone, or the way from it to another zone (`dest`; `*`: any).

    IPv6 has no part in the plan yet.
    """
    by_name = {zone.name: zone for zone in zones}
    source, destination = by_name.get(rule.get("src")), rule.get("dest")
    if source is None or rule.get("family") == "ipv6":
        return
    verdict = f"counter {_VERDICTS[rule.get('target', 'ACCEPT')]}"
    if name := rule.get("name"):
        verdict += f' comment "{COMMENT}{name}"'
    match = f"    iifname {source.interfaces}"
    if destination in by_name:
        match += f" oifname {by_name[destination].interfaces}"
    elif destination not in {"", "*"}:
        return
    for option, field in (("src_ip", "saddr"), ("dest_ip", "daddr")):
        if addresses := ", ".join(rule.values(option)):
            match += f" ip {field} {{ {addresses} }}"
    protocols = rule.values("proto") or ["tcp", "udp"]
    ports = ", ".join(rule.values("dest_port")).replace(":", "-")
    for protocol in protocols:
        if protocol == "icmp":
            types = ", ".join(rule.values("icmp_type"))
            yield f"{match} meta l4proto icmp" + (
                f" icmp type {{ {types} }} {verdict}" if types else f" {verdict}"
            )
        elif ports:
            yield f"{match} {protocol} dport {{ {ports} }} {verdict}"
        elif protocol == "all":
            yield f"{match} {verdict}"
        else:
            yield f"{match} meta l4proto {protocol} {verdict}"


def _forward(
    defaults: Section,
    zones: Sequence[Zone],
    forwardings: Sequence[Section],
    rules: Sequence[Section],
) -> Iterator[str]:
    by_name = {zone.name: zone for zone in zones}
    yield "  chain forward {"
    yield "    type filter hook forward priority filter; policy drop;"
    yield "    ct state established,related accept"
    for zone in zones:
        if zone.section.is_on("masq") and not zone.section.is_on("masq_allow_invalid"):
            yield f"    oifname {zone.interfaces} ct state invalid drop"
    for rule in rules:
        if rule.get("dest"):
            yield from _rule(rule, zones)
    for forwarding in forwardings:
        source = by_name.get(forwarding.get("src"))
        destination = by_name.get(forwarding.get("dest"))
        if source and destination:
            yield f"    iifname {source.interfaces} oifname {destination.interfaces} accept"
    for zone in zones:
        verdict = zone.verdict("forward", defaults.get("forward", "REJECT"))
        yield f"    iifname {zone.interfaces} oifname {zone.interfaces} {verdict}"
    yield f"    {_VERDICTS[defaults.get('forward', 'REJECT')]}"
    yield "  }"


def _postrouting(zones: Sequence[Zone]) -> Iterator[str]:
    yield "  chain srcnat {"
    yield "    type nat hook postrouting priority srcnat; policy accept;"
    for zone in zones:
        if zone.section.is_on("masq"):
            yield f"    oifname {zone.interfaces} meta nfproto ipv4{_sources(zone)} masquerade"
    yield "  }"


def _sources(zone: Zone) -> str:
    """Whom a zone masquerades (`masq_src`): of these, and of those with a `!` none."""
    listed = zone.section.values("masq_src")
    named = [text for text in listed if not text.startswith("!")]
    spared = [text[1:] for text in listed if text.startswith("!")]
    match = f" ip saddr {{ {', '.join(named)} }}" if named else ""
    return match + (f" ip saddr != {{ {', '.join(spared)} }}" if spared else "")
