"""What the machine must have before a twin is begun: each lack is named with its remedy."""

from __future__ import annotations

import os
import shutil
import socket
import struct
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from config.plan import Plan
from twin.place import STATE_FOLDER

#: The daemons and tools that twin machines run, with Debian's packages for them.
PROGRAMS: Mapping[str, str] = {
    "bird": "bird2",
    "gobgpd": "gobgpd",
    "ip": "iproute2",
    "nft": "nftables",
    "keepalived": "keepalived",
    "busybox": "busybox-static",
}

#: A socket's path has at most 107 characters (unix(7)); the longest machine name, `/gobgp.sock`
#: and the folder take the rest.
_LONGEST_STACK_NAME = 30

#: Measured: 284 MB for 80 machines (docs/benchmarks.md); twice that leaves room for what follows.
_MEBIBYTES_PER_MACHINE = 8

#: Measured, proportional set size: 22 MB for the agent that a node has where there are services,
#: 10 MB for a pod behind one.
_MEBIBYTES_PER_AGENT, _MEBIBYTES_PER_BACKEND = 24, 12

#: Entries of the neighbor table that are left to the host and to whatever else runs on it.
_NEIGHBORS_FOR_OTHERS = 256

_CAP_NET_ADMIN, _CAP_SYS_ADMIN = 12, 21  # <linux/capability.h>
_TCP_MD5SIG = 14  # <linux/tcp.h>


def complaint(found: Sequence[str]) -> str:
    """One message for all findings."""
    return "\n".join(["this machine cannot carry the twin:", *(f"  - {text}" for text in found)])


@dataclass(frozen=True, slots=True)
class Machine:
    """What is asked of this machine, read once."""

    capabilities: int
    search_path: str
    neighbor_limit: int
    neighbors_in_use: int
    available_mebibytes: int
    signs_tcp: bool


def inspect() -> Machine:
    """Read what this machine has."""
    return Machine(
        capabilities=int(_field(Path("/proc/self/status"), "CapEff"), 16),
        search_path=os.environ.get("PATH", os.defpath),
        neighbor_limit=_neighbor_limit(),
        neighbors_in_use=len(Path("/proc/net/arp").read_text().splitlines()) - 1,
        available_mebibytes=int(_field(Path("/proc/meminfo"), "MemAvailable").split()[0]) // 1024,
        signs_tcp=_signs_tcp(),
    )


def _signs_tcp() -> bool:
    """Whether the kernel takes a key for TCP's MD5 signature (tcp(7), `TCP_MD5SIG`)."""
    address = struct.pack("=HH4s120x", socket.AF_INET, 0, socket.inet_aton("192.0.2.1"))
    key = struct.pack("=BBHI80s", 0, 0, 1, 0, b"?")
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        try:
            probe.setsockopt(socket.IPPROTO_TCP, _TCP_MD5SIG, address + key)
        except OSError:
            return False
    return True


def _neighbor_limit() -> int:
    """`gc_thresh3` (arp(7)). Only the host's own namespace shows it; else its default counts."""
    with suppress(FileNotFoundError):
        return int(Path("/proc/sys/net/ipv4/neigh/default/gc_thresh3").read_text())
    return 1024


def findings(plan: Plan, stack: str, machine: Machine) -> list[str]:
    """Everything that stands in the way of this plan's twin on this machine."""
    return [
        *_rights(machine),
        *_programs(plan, machine),
        *_stack_name(stack),
        *_neighbors(plan, machine),
        *_memory(plan, machine),
        *_signatures(plan, machine),
    ]


def dynamic_neighbors(plan: Plan) -> int:
    """How many entries the twin puts into the neighbor table that all namespaces share.

    All addresses that never move have permanent entries, which do not count. What is left are
    gateways that routers take turns at, asked for by every node, and the WAN.
    """
    shared = [site for site in plan.sites if site.has_shared_gateway]
    gateways = sum(len(site.nodes) + 2 * len(site.routers) for site in shared)
    return gateways + len(plan.routers)


def _rights(machine: Machine) -> Iterator[str]:
    wanted = 1 << _CAP_NET_ADMIN | 1 << _CAP_SYS_ADMIN
    if machine.capabilities & wanted != wanted:
        yield (
            "making network namespaces takes root's rights: run it as root, or as `make up`, "
            "which makes a user namespace where the kernel allows it"
        )


def _programs(plan: Plan, machine: Machine) -> Iterator[str]:
    needed = dict(PROGRAMS)
    if not any(site.has_shared_gateway for site in plan.sites):
        del needed["keepalived"]
    if not plan.observability.routers:
        del needed["busybox"]
    missing = [p for p in needed if shutil.which(p, path=machine.search_path) is None]
    if missing:
        packages = " ".join(sorted({needed[program] for program in missing}))
        yield f"{', '.join(missing)} not found: apt-get install {packages}"


def _stack_name(stack: str) -> Iterator[str]:
    if len(stack) > _LONGEST_STACK_NAME:
        yield (
            f"the stack's name {stack} has {len(stack)} characters: the sockets below "
            f"{STATE_FOLDER} leave room for {_LONGEST_STACK_NAME}, use a shorter name"
        )


def _neighbors(plan: Plan, machine: Machine) -> Iterator[str]:
    room = machine.neighbor_limit - machine.neighbors_in_use - _NEIGHBORS_FOR_OTHERS
    needed = dynamic_neighbors(plan)
    if needed > room:
        yield (
            f"the fabric needs {needed} entries of the kernel's neighbor table, which all "
            f"namespaces share with the host, and {max(room, 0)} are to spare: have fewer nodes "
            "in datacentres with two routers, or raise net.ipv4.neigh.default.gc_thresh3 "
            f"(now {machine.neighbor_limit})"
        )


def _memory(plan: Plan, machine: Machine) -> Iterator[str]:
    machines = len(plan.routers) + len(plan.nodes)
    needed = machines * _MEBIBYTES_PER_MACHINE
    if plan.load_balancing.demo:
        pods = sum(len(service.backends) for service in plan.load_balancing.demo)
        needed += len(plan.nodes) * _MEBIBYTES_PER_AGENT + pods * _MEBIBYTES_PER_BACKEND
    if needed > machine.available_mebibytes:
        yield (
            f"{machines} machines need about {needed} MiB of memory, and "
            f"{machine.available_mebibytes} are available: have fewer nodes"
        )


def _signatures(plan: Plan, machine: Machine) -> Iterator[str]:
    if plan.passwords and not machine.signs_tcp:
        yield (
            "this kernel cannot sign TCP (CONFIG_TCP_MD5SIG), and the fabric's sessions have "
            "passwords: set fabric.security.generate_passwords to false, and give none"
        )


def _field(file: Path, name: str) -> str:
    for line in file.read_text().splitlines():
        key, _, value = line.partition(":")
        if key == name:
            return value.strip()
    raise LookupError(f"{file} has no {name}")
