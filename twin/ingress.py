"""Talos' ingress firewall, as the machine's nftables (Talos 1.13, nftables_chain_config.go).

While the default action is to accept, each rule drops what comes to its ports from elsewhere; in a
family of which it names no subnet, that is everything. Talos judges the same a second time before
destinations are translated, for ports of services that kube-proxy would translate. Nodes here have
no kube-proxy, and what only passes through a node is spared the kernel's tracking of connections.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress

from twin.machine import MissingProgramError, as_nft_lists, list_table, run_nft
from twin.nft import WORDS, removal
from twin.place import Place
from twin.talos import IngressRule

#: Talos' own names for its table and the chain.
TABLE, CHAIN = "inet talos", "ingress"

_NONE = removal(TABLE)


def ruleset(rules: Sequence[IngressRule]) -> str:
    """The nftables script, one transaction. Without rules, no table."""
    if not rules:
        return _NONE
    lines = [
        f"table {TABLE} {{",
        f"  chain {CHAIN} {{",
        "    type filter hook input priority mangle + 10; policy accept;",
        '    iifname "lo" accept',
        *(f"    {line}" for rule in rules for line in _rule(rule)),
        "  }",
        "}",
    ]
    return _NONE + "\n".join(lines) + "\n"


def _rule(rule: IngressRule) -> Iterator[str]:
    for family, word in WORDS.items():
        subnets = [str(net) for net in rule.subnets if net.version == family.version]
        others = f" {word} saddr != {{ {', '.join(subnets)} }}" if subnets else ""
        ports = ", ".join(rule.ports)
        yield f"meta nfproto {family}{others} {rule.protocol} dport {{ {ports} }} counter drop"


def apply(node: Place, rules: Sequence[IngressRule], *, is_new: bool) -> None:
    """Make the node's rules what its machine configuration says, if they are not."""
    if is_new or drift(node, rules):
        run_nft(node, ["-f", "-"], ruleset(rules))


def drift(node: Place, rules: Sequence[IngressRule]) -> list[str]:
    """What is not so."""
    found = wanted = ""
    with suppress(MissingProgramError):  # there is no such table
        found = run_nft(node, list_table(TABLE))
    if rules:
        wanted = as_nft_lists(ruleset(rules), TABLE)
    return [] if found == wanted else ["Talos' firewall changed"]
