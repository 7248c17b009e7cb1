"""`enableIPv4Masquerade`: Cilium hides pods behind their node outside the native range."""

from __future__ import annotations

from ipaddress import IPv4Network

from twin.machine import run_nft
from twin.manifest import Manifest
from twin.place import Place

_NONE = "table ip cilium\ndelete table ip cilium\n"


def apply(node: Place, values: Manifest, pod_cidr: IPv4Network, *, is_new: bool) -> None:
    """Make the node's rules what Cilium's values say. A new node has none that could go."""
    if values.get("enableIPv4Masquerade", True):
        native = values.get("ipv4NativeRoutingCIDR", pod_cidr)
        script = (
            f"{_NONE}table ip cilium {{ chain post {{\n"
            "type nat hook postrouting priority srcnat;\n"
            f"ip saddr {pod_cidr} ip daddr != {native} masquerade\n}}\n}}\n"
        )
        run_nft(node, ["-f", "-"], script)
    elif not is_new:
        run_nft(node, ["-f", "-"], _NONE)
