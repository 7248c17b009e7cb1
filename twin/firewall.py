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

_IP = {"ipv4": "ip", "ipv6": "ip6"}
_ICMP = {"ipv4": "icmp", "ipv6": "icmpv6"}
_ICMPV6_TYPES = {
    "bad-header": "parameter-problem",
    "unknown-header-type": "parameter-problem",
    "neighbour-solicitation": "nd-neighbor-solicit",
    "neighbour-advertisement": "nd-neighbor-advert",
    "router-solicitation": "nd-router-solicit",
    "router-advertisement": "nd-router-advert",
}

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
    translations = [section for section in sections if section.type == "nat"]
    return "\n".join(
        [
            f"table {TABLE}",
            f"delete table {TABLE}",
            f"table {TABLE} {{",
            *_REJECTING,
            *_input(defaults, zones, rules),
            *_forward(defaults, zones, forwardings, rules),
            *_postrouting(zones, translations),
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

    It is for both families, less those that its `family` or its addresses exclude.
    """
    by_name = {zone.name: zone for zone in zones}
    source, destination = by_name.get(rule.get("src")), rule.get("dest")
    if source is None:
        return
    verdict = f"counter {_VERDICTS[rule.get('target', 'ACCEPT')]}"
    if name := rule.get("name"):
        verdict += f' comment "{COMMENT}{name}"'
    match = f"    iifname {source.interfaces}"
    if destination in by_name:
        match += f" oifname {by_name[destination].interfaces}"
    elif destination not in {"", "*"}:
        return
    for family in _families(rule):
        yield from _of_family(rule, match, family, verdict)


def _families(rule: Section) -> list[str | None]:
    """The families that a rule is for, each alone; None where it is for whatever comes."""
    named = rule.get("family", "any")
    if named in _IP:
        return [named]
    given = [*rule.values("src_ip"), *rule.values("dest_ip")]
    is_of_one = given or "icmp" in rule.values("proto")
    return list(_IP) if is_of_one else [None]


def _of_family(rule: Section, match: str, family: str | None, verdict: str) -> Iterator[str]:
    """The rule in one family. Where it is for others' addresses alone, there is none."""
    said = match
    for option, field in (("src_ip", "saddr"), ("dest_ip", "daddr")):
        given = rule.values(option)
        addresses = [address for address in given if (":" in address) == (family == "ipv6")]
        if given and not addresses:
            return
        if family and addresses:
            match += f" {_IP[family]} {field} {{ {', '.join(addresses)} }}"
    if match == said and family and rule.get("family") == family:
        match += f" meta nfproto {family}"
    if limit := rule.get("limit"):
        verdict = f"limit rate {limit.replace('sec', 'second')} {verdict}"
    ports = ", ".join(rule.values("dest_port")).replace(":", "-")
    for protocol in rule.values("proto") or ["tcp", "udp"]:
        if protocol == "icmp" and family:
            types = ", ".join(_icmp_types(rule, family))
            of_types = f" {_ICMP[family]} type {{ {types} }}" if types else ""
            yield f"{match} meta l4proto {_ICMP[family]}{of_types} {verdict}"
        elif ports:
            yield f"{match} {protocol} dport {{ {ports} }} {verdict}"
        elif protocol == "all":
            yield f"{match} {verdict}"
        else:
            yield f"{match} meta l4proto {protocol} {verdict}"


def _icmp_types(rule: Section, family: str) -> Iterator[str]:
    """The rule's types in nftables' words. OpenWrt has names of its own for those of IPv6."""
    words = {_ICMPV6_TYPES.get(name, name): None for name in rule.values("icmp_type")}
    yield from words if family == "ipv6" else rule.values("icmp_type")


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
        if zone.section.is_on("masq_allow_invalid"):
            continue
        for family in _masquerading(zone):
            yield f"    oifname {zone.interfaces} meta nfproto {family} ct state invalid drop"
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


def _postrouting(zones: Sequence[Zone], translations: Sequence[Section]) -> Iterator[str]:
    yield "  chain srcnat {"
    yield "    type nat hook postrouting priority srcnat; policy accept;"
    for zone in zones:
        for section in translations:
            if section.get("src") == zone.name:
                yield from _untranslated(section, zone)
        for family in _masquerading(zone):
            sources = _sources(zone, family)
            yield f"    oifname {zone.interfaces} meta nfproto {family}{sources} masquerade"
    yield "  }"


def _untranslated(section: Section, zone: Zone) -> Iterator[str]:
    """A `nat` section that spares what leaves by its zone (target `ACCEPT`); no other is made."""
    source, destination = section.get("src_ip"), section.get("dest_ip")
    word = _IP["ipv6" if ":" in source else "ipv4"]
    if section.get("target") == "ACCEPT":
        match = f"oifname {zone.interfaces} {word} saddr {source} {word} daddr {destination}"
        yield f'    {match} counter accept comment "{COMMENT}{section.get("name")}"'


def _masquerading(zone: Zone) -> Iterator[str]:
    """The families in which the zone masquerades: `masq` is of IPv4 alone."""
    for option, family in (("masq", "ipv4"), ("masq6", "ipv6")):
        if zone.section.is_on(option):
            yield family


def _sources(zone: Zone, family: str) -> str:
    """Whom a zone masquerades (`masq_src`): of these, and of those with a `!` none."""
    listed = [a for a in zone.section.values("masq_src") if (":" in a) == (family == "ipv6")]
    named = [text for text in listed if not text.startswith("!")]
    spared = [text[1:] for text in listed if text.startswith("!")]
    word = _IP[family]
    match = f" {word} saddr {{ {', '.join(named)} }}" if named else ""
    return match + (f" {word} saddr != {{ {', '.join(spared)} }}" if spared else "")
