"""Whether machines can run by the processor instead of being emulated."""

from __future__ import annotations

from collections.abc import Iterator

from config.libvirt import DomainType
from doctor.finding import Check, Finding
from doctor.host import Host
from doctor.load import Load
from doctor.uri import way

_EMULATED = "or set libvirt.type to qemu, which is slow"


def check(host: Host, load: Load) -> Check:
    """`/dev/kvm` as the URI's session needs it, and QEMU itself."""
    seen = "emulated, as libvirt.type says"
    if load.type is DomainType.KVM:
        seen = "/dev/kvm is open to QEMU"
    return Check.of(f"KVM on {host.machine}", seen, findings(host, load.type, load.uri))


def findings(host: Host, domain_type: DomainType, uri: str) -> Iterator[Finding]:
    """What keeps machines of this type from running."""
    if not host.has_qemu:
        yield Finding(
            f"{host.machine} has no qemu-system-x86_64, and libvirt runs machines with it: "
            "apt-get install qemu-system-x86"
        )
    if domain_type is not DomainType.KVM:
        return
    if host.kvm is None:
        yield Finding(f"{host.machine} has no /dev/kvm: {_how_to_have_it(host)}, {_EMULATED}")
    elif way(uri).is_session:
        if not host.kvm.open_to_user:
            yield Finding(
                f"/dev/kvm on {host.machine} is closed to this user: join the group kvm (sudo "
                f'usermod -aG kvm "$USER") and log in again, {_EMULATED}'
            )
    elif not host.kvm.open_to_qemu:
        user = host.qemu_user
        yield Finding(
            f"/dev/kvm on {host.machine} is closed to {user}, which libvirt runs QEMU as: sudo "
            f"chgrp kvm /dev/kvm && sudo chmod 660 /dev/kvm && sudo usermod -aG kvm {user}, then "
            f"restart libvirt; {_EMULATED}"
        )


def _how_to_have_it(host: Host) -> str:
    if host.has_virtualisation:
        return "load its module (sudo modprobe kvm_intel, or kvm_amd)"
    if host.is_virtual:
        return (
            "it is a virtual machine itself, so turn on nesting where it runs (its processor as "
            "host-passthrough, and nested=1 of kvm_intel or kvm_amd)"
        )
    return "turn on virtualisation (VT-x or AMD-V) in its firmware"
