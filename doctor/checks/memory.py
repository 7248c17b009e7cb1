"""Whether the machines' memory is there."""

from __future__ import annotations

from collections.abc import Iterator

from doctor.finding import Check, Finding
from doctor.host import Host
from doctor.load import Load

_REMEDY = "have fewer or smaller machines (libvirt.worker.memory), or another host"


def check(host: Host, load: Load) -> Check:
    """The sum of the machines against the host's."""
    seen = f"{load.memory} MiB for {load.machines} machines, of {host.memory_total} MiB"
    return Check.of(f"memory of {host.machine}", seen, _findings(host, load))


def _findings(host: Host, load: Load) -> Iterator[Finding]:
    needed = f"{load.machines} machines have {load.memory} MiB of memory together, and"
    if load.memory > host.memory_total:
        yield Finding(f"{needed} {host.machine} has {host.memory_total}: {_REMEDY}")
    elif load.memory > host.memory_available:
        # They may be this stack's own, which stands already.
        yield Finding(
            f"{needed} {host.memory_available} are available on {host.machine}: unless they run "
            f"already, {_REMEDY}",
            stops=False,
        )
