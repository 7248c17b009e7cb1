"""What OpenWrt calls a router's interfaces.

OpenWrt takes the first card for the LAN and the second for the WAN; the LAN is a bridge with the
card in it (OpenWrt wiki, network basics). The plan gives the NICs in this very order.
"""

from __future__ import annotations

LAN_PORT = "eth0"
LAN_BRIDGE = "br-lan"
WAN = "eth1"
PEERING = "eth2"
