"""`enableIPv4Masquerade` and IPv6's: Cilium hides pods behind nodes beyond the native range.

With ip-masq-agent, outside the ranges of its configuration as well (Cilium 1.19, bpf/lib/nat.h).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import cast

from config.families import Network, family_of
from twin.machine import run_nft
from twin.manifest import Manifest, TranslationError, mapping
from twin.nft import WORDS, removal
from twin.place import Place


def apply(node: Place, values: Manifest, pod_cidrs: Sequence[Network], *, is_new: bool) -> None:
    """Make the node's rules what Cilium's values say. A new node has none that could go."""
    by_family = {family_of(cidr): cidr for cidr in pod_cidrs}
    script = ""
    for family, word in WORDS.items():
        none = removal(f"{word} cilium")
        cidr = by_family.get(family)
        if cidr and values.get(f"enable{family.label}Masquerade", True):
            native = values.get(f"{family}NativeRoutingCIDR")
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
