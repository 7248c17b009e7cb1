"""The kernel's memory of connections, which holds what each was translated to when it began."""

from __future__ import annotations

import socket
import struct

from twin import namespaces

_NETLINK_NETFILTER = 12  # <linux/netlink.h>
_DELETE = 1 << 8 | 2  # NFNL_SUBSYS_CTNETLINK, IPCTNL_MSG_CT_DELETE (<linux/netfilter/nfnetlink*.h>)
_REQUEST = 1  # NLM_F_REQUEST


def forget(namespace: str) -> None:
    """Drop all connections of a namespace, of either family: each is judged anew by the rules.

    Without the kernel's module for this, nothing is dropped.
    """
    body = struct.pack("=BBH", socket.AF_UNSPEC, 0, 0)  # nfgenmsg; no attributes: all of them
    header = struct.pack("=IHHII", 16 + len(body), _DELETE, _REQUEST, 0, 0)
    with (
        namespaces.inside(namespace),
        socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, _NETLINK_NETFILTER) as netlink,
    ):
        netlink.send(header + body)
