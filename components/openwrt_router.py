"""An OpenWrt router: a kernel and a root file system of its own, its cards, and its files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pulumi

from components.libvirt import Card, MachineArgs, Port, machine, uploaded
from components.libvirt_host import LibvirtHost
from components.ssh_key import SshKey
from config.families import Address
from config.libvirt import Libvirt
from config.machines import Router
from config.plan import Plan
from day1.resources import RouterFiles, RouterFilesArgs
from engine.opened import opened
from images.resources import RouterImage, RouterImageArgs
from render import day0, ssh
from render.artifacts import RouterArtifacts

#: The root is the first virtio disk, and the kernel has all it needs to mount it: no initrd
#: (OpenWrt x86/64, built in: virtio, ext4). The console is where `virsh console` looks.
_ARGUMENTS = {"root": "/dev/vda", "console": "ttyS0,115200n8"}
_FLAGS = ("rootwait",)


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenWrtRouterArgs:
    """A planned router, its files, and where it runs.

    `label` begins its name on the host. `management` is the key by which the program itself logs
    in; `lan`, `wan` and `peerings` are what its cards are plugged into.
    """

    label: str
    plan: Plan
    router: Router
    artifacts: RouterArtifacts
    passwords: Mapping[str, pulumi.Output[str]]
    settings: Libvirt
    host: LibvirtHost
    management: SshKey
    lan: Port
    wan: Port
    peerings: Sequence[Port]


class OpenWrtRouter(pulumi.ComponentResource):
    """The router, booted from an image of its own and then given its files over SSH.

    Day 0 is in the image (`render.day0`): another day 0, or another image, is another machine.
    Day 1 (`RouterFiles`) is changed in the running router. `address` is where SSH reaches it, and
    `host_key` the public key that it answers with; `applied_at` is when it was last given files,
    known when it runs with them.
    """

    address: Address
    host_key: pulumi.Output[str]
    applied_at: pulumi.Output[str]

    def __init__(
        self, name: str, *, args: OpenWrtRouterArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("underlay:index:OpenWrtRouter", name, None, opts)
        self._name = name
        self._args = args
        router, settings = args.router, args.settings
        own = pulumi.ResourceOptions(parent=self)
        here = pulumi.ResourceOptions(parent=self, provider=args.host.provider)
        self.address = router.wan.address.ip
        host_key = SshKey(f"{name}-host-key", comment=router.name, opts=own)
        image = RouterImage(
            f"{name}-image",
            args=RouterImageArgs(
                image=settings.openwrt, files=self._day0(host_key), modes=day0.PRIVATE
            ),
            opts=own,
        )
        kernel = uploaded(
            f"{name}-kernel",
            pool=args.host.pool,
            path=image.kernel_path,
            prefix=f"{router.name}-",
            opts=here,
        )
        root = uploaded(
            f"{name}-root",
            pool=args.host.pool,
            path=image.root_path,
            prefix=f"{router.name}-",
            opts=here,
        )
        initrd = None
        if settings.openwrt.initrd is not None:
            initrd = uploaded(
                f"{name}-initrd",
                pool=args.host.pool,
                path=image.initrd_path.apply(str),
                prefix=f"{router.name}-",
                opts=here,
            ).id
        domain = machine(
            f"{name}-domain",
            args=MachineArgs(
                host_name=f"{args.label}-{router.name}",
                type=settings.type,
                autostart=settings.autostart,
                memory=settings.router.memory,
                vcpus=settings.router.vcpus,
                kernel=kernel.id,
                initrd=initrd,
                arguments=_ARGUMENTS,
                flags=_FLAGS,
                disk=root.id,
                pool=args.host.folder,
                cards=self._cards(),
            ),
            opts=here,
        )
        files = RouterFiles(
            f"{name}-files",
            args=RouterFilesArgs(
                host=str(self.address),
                host_key=host_key.public_key,
                private_key=args.management.private_key,
                files=args.artifacts.files,
                secret_files={
                    path: opened(sealed, args.passwords)
                    for path, sealed in args.artifacts.secret_files.items()
                },
                machine=domain.id,
                answer_seconds=settings.router.boot_seconds,
                confirm_seconds=settings.router.confirm_seconds,
            ),
            opts=pulumi.ResourceOptions(parent=self, deleted_with=domain),
        )
        self.host_key = host_key.public_key
        self.applied_at = files.applied_at
        self.register_outputs({"address": str(self.address), "applied_at": self.applied_at})

    def _day0(self, host_key: SshKey) -> dict[str, pulumi.Input[str]]:
        script = host_key.private_key.apply(
            lambda private: day0.host_key_script(ssh.dropbear_key(private))
        )
        keys = self._args.management.public_key.apply(
            lambda own: day0.authorized_keys([own, *self._args.settings.authorized_keys])
        )
        return {
            **day0.files(self._args.plan, self._args.router),
            day0.AUTHORIZED_KEYS: keys,
            day0.HOST_KEY_SCRIPT: script,
        }

    def _cards(self) -> Sequence[Card]:
        """In the order LAN, WAN, peerings, as OpenWrt and the plan have it."""
        ports = (self._args.lan, self._args.wan, *self._args.peerings)
        nics = self._args.router.nics
        return [Card(port=port, mac=nic.mac) for port, nic in zip(ports, nics, strict=True)]
