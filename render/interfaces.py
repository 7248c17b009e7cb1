"""What OpenWrt calls a router's interfaces.

OpenWrt takes the first card for the LAN and the second for the WAN; the LAN is a bridge with the
card in it (OpenWrt wiki, network basics). The plan gives the NICs in this very order.
"""

from __future__ import annotations

from config.machines import PEERING_NETWORK, SECOND_PEERING_NETWORK

LAN_PORT = "eth0"
LAN_BRIDGE = "br-lan"
WAN = "eth1"

#: The interfaces towards other routers, by the network.
PEERINGS = {PEERING_NETWORK: "eth2", SECOND_PEERING_NETWORK: "eth3"}
