"""What BIRD says of its sessions and routes, as far as causes are looked for in it.

From the lines of `show protocols all` and `show route` (BIRD User's Guide, "Remote control").
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping

from verify.causes.evidence import Speaker

_LIMITS = {"Import limit": "imported", "Receive limit": "received"}


def speakers(lines: Iterable[str]) -> tuple[Speaker, ...]:
    """The BGP sessions that BIRD is set up for, established or not."""
    found: list[Speaker] = []
    for title, fields in _protocols(lines):
        if "Neighbor address" in fields:
            name, _, _, state, *_ = title
            found.append(
                Speaker(
                    neighbor=fields["Neighbor address"],
                    neighbor_asn=int(fields["Neighbor AS"]),
                    local_asn=int(fields["Local AS"]),
                    name=name,
                    is_enabled=state != "down",
                    words=fields.get("Last error", ""),
                    imported=int(fields.get("Routes", "0").split()[0]),
                    limits=tuple(
                        kind for key, kind in _LIMITS.items() if "[HIT]" in fields.get(key, "")
                    ),
                )
            )
    return tuple(found)


def _protocols(lines: Iterable[str]) -> list[tuple[list[str], dict[str, str]]]:
    """Each protocol: the words of its own line, and what is indented below it by its name."""
    found: list[tuple[list[str], dict[str, str]]] = []
    for line in lines:
        if line[:1].strip():
            found.append((line.split(), {}))
        elif found and ":" in line:
            key, _, value = line.strip().partition(":")
            found[-1][1].setdefault(key, value.strip())
    return found


def vias(lines: Iterable[str]) -> Mapping[str, frozenset[str]]:
    """The gateways that BIRD has for each prefix, of all its sources, from `show route`."""
    found: defaultdict[str, set[str]] = defaultdict(set)
    prefix = ""
    for line in lines:
        words = line.split()
        if "[" in line and "/" in words[0]:
            prefix = words[0]
        elif words[:1] == ["via"]:
            found[_as_iproute(prefix)].add(words[1])
    return {network: frozenset(ways) for network, ways in found.items()}


def _as_iproute(prefix: str) -> str:
    """A single address without its length."""
    return prefix.removesuffix("/128" if ":" in prefix else "/32")
