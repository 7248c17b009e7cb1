"""`enableIPv4Masquerade` and IPv6's: Cilium hides pods behind nodes beyond the native range.

With ip-masq-agent, outside the ranges of its configuration as well (Cilium 1.19, bpf/lib/nat.h).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import cast

from config.families import Family, Network, family_of
from twin.machine import run_nft
from twin.manifest import Manifest, TranslationError, mapping
from twin.place import Place

#: nftables' word for each family's tables and addresses, and Cilium's name for the family.
_WORDS = {Family.IPV4: ("ip", "IPv4", "ipv4"), Family.IPV6: ("ip6", "IPv6", "ipv6")}


def apply(node: Place, values: Manifest, pod_cidrs: Sequence[Network], *, is_new: bool) -> None:
    """Make the node's rules what Cilium's values say. A new node has none that could go."""
    by_family = {family_of(cidr): cidr for cidr in pod_cidrs}
    script = ""
    for family, (word, label, prefix) in _WORDS.items():
        none = f"table {word} cilium\ndelete table {word} cilium\n"
        cidr = by_family.get(family)
        if cidr and values.get(f"enable{label}Masquerade", True):
            native = values.get(f"{prefix}NativeRoutingCIDR")
            kept = "".join(
                f"{word} daddr {network} accept\n" for network in _kept(values, native, cidr)
            )
            script += (
                f"{none}table {word} cilium {{ chain post {{\n"
                "type nat hook postrouting priority srcnat;\n"
                f"{kept}{word} saddr {cidr} masquerade\n}}\n}}\n"
            )
        elif not is_new:
            script += none
    if script:
        run_nft(node, ["-f", "-"], script)


def _kept(values: Manifest, native: object, pod_cidr: Network) -> Iterator[object]:
    """The destinations to which pods go as themselves. `native` is the family's native range."""
    agent = mapping(values, "ipMasqAgent")
    if not agent.get("enabled"):
        yield native or pod_cidr
        return
    if not mapping(values, "bpf").get("masquerade"):
        raise TranslationError("ipMasqAgent.enabled needs bpf.masquerade")
    if native:
        yield native
    ranges = cast("Sequence[str]", mapping(agent, "config").get("nonMasqueradeCIDRs") or ())
    if not ranges:
        raise TranslationError("ipMasqAgent without nonMasqueradeCIDRs is not in the twin")
    yield from (text for text in ranges if (":" in text) == (pod_cidr.version == 6))
