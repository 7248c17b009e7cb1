"""`enableIPv4Masquerade`: Cilium hides pods behind their node outside the native range.

With ip-masq-agent, outside the ranges of its configuration as well (Cilium 1.19, bpf/lib/nat.h).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from ipaddress import IPv4Network
from typing import cast

from twin.machine import run_nft
from twin.manifest import Manifest, TranslationError, mapping
from twin.place import Place

_NONE = "table ip cilium\ndelete table ip cilium\n"


def apply(node: Place, values: Manifest, pod_cidr: IPv4Network, *, is_new: bool) -> None:
    """Make the node's rules what Cilium's values say. A new node has none that could go."""
    if values.get("enableIPv4Masquerade", True):
        kept = "".join(f"ip daddr {network} accept\n" for network in _kept(values, pod_cidr))
        script = (
            f"{_NONE}table ip cilium {{ chain post {{\n"
            "type nat hook postrouting priority srcnat;\n"
            f"{kept}ip saddr {pod_cidr} masquerade\n}}\n}}\n"
        )
        run_nft(node, ["-f", "-"], script)
    elif not is_new:
        run_nft(node, ["-f", "-"], _NONE)


def _kept(values: Manifest, pod_cidr: IPv4Network) -> Iterator[object]:
    """The destinations to which pods go as themselves."""
    agent = mapping(values, "ipMasqAgent")
    if not agent.get("enabled"):
        yield values.get("ipv4NativeRoutingCIDR", pod_cidr)
        return
    if not mapping(values, "bpf").get("masquerade"):
        raise TranslationError("ipMasqAgent.enabled needs bpf.masquerade")
    if "ipv4NativeRoutingCIDR" in values:
        yield values["ipv4NativeRoutingCIDR"]
    ranges = mapping(agent, "config").get("nonMasqueradeCIDRs")
    if not ranges:
        raise TranslationError("ipMasqAgent without nonMasqueradeCIDRs is not in the twin")
    yield from cast("Sequence[str]", ranges)
