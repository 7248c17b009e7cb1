"""What this program asks of libvirt: networks to plug into, and machines booted by kernel.

The only module that knows the traps of terraform-provider-libvirt 0.8, which is what
pulumi-libvirt 0.5 wraps (its `resource_libvirt_domain.go` and `domain.go`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import PurePath

import pulumi
import pulumi_libvirt as libvirt

from config.libvirt import DomainType

#: What the provider would not change in a running machine, and does not say so.
_REPLACES = ["kernel", "initrd", "disks", "network_interfaces"]

#: Turns disks that are named by pool and volume into files of the folder that is the pool.
_VOLUMES_AS_FILES = """\
<xsl:stylesheet version="1.0" xmlns:xsl="http://www.w3.org/1999/XSL/Transform">
  <xsl:output omit-xml-declaration="yes" indent="yes"/>
  <xsl:template match="node()|@*">
    <xsl:copy><xsl:apply-templates select="node()|@*"/></xsl:copy>
  </xsl:template>
  <xsl:template match="/domain/devices/disk[source/@volume]/@type">
    <xsl:attribute name="type">file</xsl:attribute>
  </xsl:template>
  <xsl:template match="/domain/devices/disk/source[@volume]">
    <source file="POOL/{@volume}"/>
  </xsl:template>
</xsl:stylesheet>
"""

#: All that the emulated or passed-through processor has: Talos needs x86-64-v2.
_CPU_MODES = {DomainType.KVM: "host-passthrough", DomainType.QEMU: "maximum"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Port:
    """Where a card is plugged in: a network of libvirt's by its id, or a bridge of the host's."""

    network_id: pulumi.Input[str] | None = None
    bridge: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """A network card with a fixed MAC."""

    port: Port
    mac: str

    def args(self) -> libvirt.DomainNetworkInterfaceArgs:
        """As the provider takes it. It reads MACs back in capitals, so it is given capitals."""
        return libvirt.DomainNetworkInterfaceArgs(
            network_id=self.port.network_id, bridge=self.port.bridge, mac=self.mac.upper()
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class MachineArgs:
    """A virtual machine, booted by a kernel that lies on the host, or by what is on its disks.

    `host_name` is what libvirt calls it. `arguments` are the kernel's; those without a value are
    in `flags`. `cards` are in the order in which the machine sees them. `disk` and `cdrom` are
    paths on the host; the disk comes first, so that a CD is booted until something is installed.
    `pool` is the folder that the disk is in.
    """

    host_name: str
    type: DomainType
    autostart: bool
    memory: int
    vcpus: int
    kernel: pulumi.Input[str] | None = None
    initrd: pulumi.Input[str] | None = None
    arguments: Mapping[str, str] = field(default_factory=dict)
    flags: Sequence[str] = ()
    disk: pulumi.Input[str]
    pool: str
    cdrom: pulumi.Input[str] | None = None
    cards: Sequence[Card]


def machine(name: str, *, args: MachineArgs, opts: pulumi.ResourceOptions) -> libvirt.Domain:
    """Declare the machine.

    - The kernel's arguments are read back sorted, those without a value together and last.
    - A disk is read back as a volume, however it was named, so it is given as one. But AppArmor
      refuses QEMU what is named by pool and volume: a transformation makes a file of it on the way
      to libvirt. The plugin calls `xsltproc` for that.
    - A name is taken until the old machine is gone, so a replacement deletes first.
    """
    return libvirt.Domain(
        name,
        name=args.host_name,
        type=args.type.value,
        autostart=args.autostart,
        memory=args.memory,
        vcpu=args.vcpus,
        cpu=libvirt.DomainCpuArgs(mode=_CPU_MODES[args.type]),
        kernel=args.kernel,
        initrd=args.initrd,
        cmdlines=_command_line(args),
        boot_devices=[libvirt.DomainBootDeviceArgs(devs=["hd", "cdrom"])] if args.cdrom else None,
        disks=[
            libvirt.DomainDiskArgs(volume_id=args.disk),
            *([libvirt.DomainDiskArgs(file=args.cdrom)] if args.cdrom is not None else []),
        ],
        xml=libvirt.DomainXmlArgs(xslt=_VOLUMES_AS_FILES.replace("POOL", args.pool)),
        network_interfaces=[card.args() for card in args.cards],
        consoles=[libvirt.DomainConsoleArgs(type="pty", target_type="serial", target_port="0")],
        graphics=libvirt.DomainGraphicsArgs(
            type="vnc", listen_type="address", listen_address="127.0.0.1", autoport=True
        ),
        opts=pulumi.ResourceOptions.merge(
            opts,
            pulumi.ResourceOptions(replace_on_changes=_REPLACES, delete_before_replace=True),
        ),
    )


def _command_line(args: MachineArgs) -> list[Mapping[str, pulumi.Input[str]]] | None:
    if args.kernel is None:
        return None
    return [dict(sorted(args.arguments.items())), {"_": " ".join(args.flags)}]


def uploaded(
    name: str,
    *,
    pool: pulumi.Input[str],
    path: pulumi.Output[str],
    prefix: str = "",
    opts: pulumi.ResourceOptions,
) -> libvirt.Volume:
    """A local file as a volume, named as the file is.

    The file's name holds its content's digest: libvirt does not look at the content again, and
    would silently go on with a volume of the same name.
    """
    return libvirt.Volume(
        name,
        name=path.apply(lambda local: prefix + PurePath(local).name),
        pool=pool,
        source=path,
        format="raw",
        opts=opts,
    )
