"""What nftables' scripts have in common."""

from __future__ import annotations

from collections.abc import Mapping

from config.families import Family

#: nftables' word for a family's tables, and for the headers of its packets.
WORDS: Mapping[Family, str] = {Family.IPV4: "ip", Family.IPV6: "ip6"}


def removal(table: str) -> str:
    """The script that leaves no such table, whether there was one or not."""
    return f"table {table}\ndelete table {table}\n"
