"""What every twin machine has: a place, NICs plugged into segments, and a network to keep."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from config.families import Address
from twin import iproute, namespaces
from twin.network import (
    Neighbor,
    Network,
    Observed,
    commands,
    observe,
    obsolete_addresses,
    obsolete_bridges,
)
from twin.place import Place
from twin.segment import plug_command, port


@dataclass(frozen=True, slots=True)
class Nic:
    """A card: the namespace of the segment it is plugged into, its MAC, and who else is there.

    `neighbors` are the MACs of the other machines by their addresses. They become permanent
    entries, since the kernel's table for the others is one for all namespaces and the host.
    """

    segment: str
    mac: str
    neighbors: Mapping[Address, str]


class MissingProgramError(RuntimeError):
    """A program that the twin needs is not there, or refused its input."""


def device_name(number: int) -> str:
    """The name that a machine knows its card by: they count from eth0, as on the real ones."""
    return f"eth{number}"


def static_neighbors(nics: Sequence[Nic], devices: Sequence[str]) -> frozenset[Neighbor]:
    """The permanent entries for the NICs, on the devices that hold their addresses."""
    return frozenset(
        Neighbor(device, address, mac)
        for nic, device in zip(nics, devices, strict=True)
        for address, mac in nic.neighbors.items()
    )


def plug(place: Place, nics: Sequence[Nic], observed: Observed) -> Observed:
    """Plug in the cards that are not there, and others for those that have another MAC.

    Returns what stands in the machine, less the new cards. The kernel tidies up after a machine
    that was removed: its port may stand for some moments yet, and makes way. So does that of a
    machine which is going to have another MAC itself.
    """
    observed = _pull_others(place, nics, observed)
    for number, nic in enumerate(nics):
        device = device_name(number)
        if device not in observed.devices:
            command = plug_command(machine_namespace=place.namespace, device=device, mac=nic.mac)
            try:
                iproute.batch(nic.segment, [command])
            except iproute.IpError:
                with suppress(iproute.IpError):  # it may have gone meanwhile
                    iproute.batch(nic.segment, [f"link del {port(nic.mac)}"])
                iproute.batch(nic.segment, [command])
    return observed


def _pull_others(place: Place, nics: Sequence[Nic], observed: Observed) -> Observed:
    """Pull out the cards that have another MAC; what stands in the machine then."""
    wanted = {device_name(number): nic.mac for number, nic in enumerate(nics)}
    others = [name for name, mac in wanted.items() if observed.macs.get(name, mac) != mac]
    for name in others:
        with suppress(iproute.IpError):  # it may have made way for another machine's meanwhile
            iproute.batch(place.namespace, [f"link del {name}"])
    return observe(place.namespace) if others else observed


def apply_network(
    place: Place,
    observed: Observed,
    desired: Network,
    previous: Network | None = None,
    *,
    first: Sequence[str] = (),
) -> None:
    """Make the machine's network what it should be, touching nothing that already is.

    `first` are commands to be run before, in the same process.
    """
    if desired.has_ipv6:
        _switch_ipv6(place, on=True)
    obsolete = (
        [
            *obsolete_addresses(observed, previous, desired),
            *obsolete_bridges(observed, previous, desired),
        ]
        if previous
        else []
    )
    iproute.batch(place.namespace, [*first, *commands(observed, desired), *obsolete])
    if obsolete:
        iproute.batch(place.namespace, commands(observe(place.namespace), desired))
    if not desired.has_ipv6:
        _switch_ipv6(place, on=False)


def _switch_ipv6(place: Place, *, on: bool) -> None:
    """Turn IPv6 on or off on all of the machine's devices. Off, they forget what they had of it."""
    name, value = "net.ipv6.conf.all.disable_ipv6", "0" if on else "1"
    with namespaces.inside(place.namespace):
        if namespaces.read_sysctl(name) != value:
            namespaces.write_sysctl(name, value)


def observe_if_old(place: Place, *, is_new: bool) -> Observed:
    """What stands in the machine; a new one need not be asked."""
    return Observed() if is_new else observe(place.namespace)


def apply_sysctls(place: Place, sysctls: Mapping[str, str]) -> None:
    """Set the machine's sysctls. Only `net.` ones are its own; others would be the host's."""
    with namespaces.inside(place.namespace):
        for name, value in sysctls.items():
            if name.startswith("net."):
                namespaces.write_sysctl(name, value)


def differing_sysctls(place: Place, sysctls: Mapping[str, str]) -> list[str]:
    """Which of the sysctls are not as they should be."""
    with namespaces.inside(place.namespace):
        return [
            name
            for name, value in sysctls.items()
            if name.startswith("net.") and namespaces.read_sysctl(name) != value
        ]


def parse_sysctls(text: str) -> dict[str, str]:
    """The settings of a sysctl.d(5) file."""
    lines = (line.strip() for line in text.splitlines())
    pairs = (line.split("=", 1) for line in lines if line and not line.startswith(("#", ";")))
    return {name.strip(): " ".join(value.split()) for name, value in pairs}


def run_nft(place: Place, arguments: Sequence[str], script: str | None = None) -> str:
    """Run `nft` in the machine. Raises `MissingProgramError` with its words if it fails."""
    with namespaces.inside(place.namespace):
        return _nft(arguments, script, of=place.machine)


@lru_cache(maxsize=256)
def as_nft_lists(script: str, table: str) -> str:
    """The table that a script makes, in the words that `nft` has for it.

    They differ from version to version, so the script is run in a namespace made for that.
    """
    with namespaces.nameless():
        _nft(["-f", "-"], script, of="a table")
        return _nft(list_table(table), of="a table")


def list_table(table: str) -> list[str]:
    """The arguments that have `nft` list a table without what its rules have counted."""
    return ["--stateless", "list", "table", *table.split()]


def _nft(arguments: Sequence[str], script: str | None = None, *, of: str) -> str:
    done = subprocess.run(
        ["nft", *arguments], input=script, capture_output=True, text=True, timeout=30
    )
    if done.returncode != 0:
        raise MissingProgramError(f"nft refused the rules of {of}: {done.stderr.strip()}")
    return done.stdout


def write_file(root: Path, path: str, text: str, *, mode: int = 0o644) -> Path:
    """Write a machine's file below its folder, whole or not at all."""
    target = root / path.lstrip("/")
    target.parent.mkdir(parents=True, exist_ok=True)
    draft = target.with_name(f".{target.name}.new")
    draft.touch(mode=mode)
    draft.chmod(mode)
    draft.write_text(text)
    draft.replace(target)
    return target


def drift_of_network(observed: Observed, desired: Network, nics: int) -> list[str]:
    """What somebody changed by hand, each in a few words."""
    missing = [
        device_name(number) for number in range(nics) if device_name(number) not in observed.devices
    ]
    if missing:
        return [f"{', '.join(missing)} unplugged"]
    return [f"needs: {command}" for command in commands(observed, desired)]
