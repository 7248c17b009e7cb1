"""Whether the pool's folder has room for the machines' disks, and whether QEMU gets there."""

from __future__ import annotations

from collections.abc import Iterator

from doctor.finding import Check, Finding
from doctor.host import Host
from doctor.load import Load


def check(host: Host, load: Load) -> Check:
    """What is written at once must fit; what disks may grow to should."""
    seen = f"{host.disk_available} MiB for {load.pool}; {load.images} at once, {load.disks} at most"
    return Check.of(f"pool on {host.machine}", seen, _findings(host, load))


def _findings(host: Host, load: Load) -> Iterator[Finding]:
    where = f"{host.disk_folder} on {host.machine}"
    remedy = "free some, or name another folder in libvirt.pool"
    if load.images > host.disk_available:
        yield Finding(
            f"{where} has {host.disk_available} MiB left, and images take {load.images}: {remedy}"
        )
    elif load.disks > host.disk_available:
        yield Finding(
            f"{where} has {host.disk_available} MiB left, and the machines' disks may grow to "
            f"{load.disks}: {remedy}",
            stops=False,
        )
    if host.closed_folders and host.qemu_user != "root":
        folders = " ".join(host.closed_folders)
        yield Finding(
            f"{host.qemu_user}, which libvirt runs QEMU as, may not pass {folders} on "
            f"{host.machine}, on the way to libvirt.pool {load.pool}: sudo chmod o+x {folders}, or "
            "name a folder that all may pass",
            stops=False,
        )
