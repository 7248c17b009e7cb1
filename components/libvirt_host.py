"""A machine with libvirt on it: the way to it, a pool for disks, and what its machines boot."""

from __future__ import annotations

from dataclasses import dataclass

import pulumi
import pulumi_libvirt as libvirt

from components.libvirt import uploaded
from components.reachable import Reachable
from config.libvirt import Libvirt
from images.resources import TalosBoot


@dataclass(frozen=True, slots=True, kw_only=True)
class LibvirtHostArgs:
    """`label` tells a stack's hosts apart; names on the host begin with it.

    `talos` is what nodes boot, on this machine; None where there are none.
    """

    label: str
    uri: str
    settings: Libvirt
    talos: TalosBoot | None


class LibvirtHost(pulumi.ComponentResource):
    """The host's pool, with the kernels of Talos in it if nodes are to run there.

    `provider` is what everything on this host is declared with; `folder` is where the pool is.
    """

    provider: libvirt.Provider
    pool: pulumi.Output[str]
    folder: str
    talos_kernel: pulumi.Output[str] | None = None
    talos_initramfs: pulumi.Output[str] | None = None
    talos_iso: pulumi.Output[str] | None = None

    def __init__(
        self, name: str, *, args: LibvirtHostArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("underlay:index:LibvirtHost", name, None, opts)
        own = pulumi.ResourceOptions(parent=self)
        reachable = Reachable(
            f"{name}-reachable", uri=args.uri, domain_type=args.settings.type.value, opts=own
        )
        self.provider = libvirt.Provider(f"{name}-provider", uri=reachable.answered, opts=own)
        here = pulumi.ResourceOptions(parent=self, provider=self.provider)
        self.folder = f"{args.settings.pool}/{args.label}"
        pool = libvirt.Pool(
            f"{name}-pool",
            name=args.label,
            type="dir",
            target=libvirt.PoolTargetArgs(path=self.folder),
            opts=pulumi.ResourceOptions.merge(
                here, pulumi.ResourceOptions(delete_before_replace=True)
            ),
        )
        self.pool = pool.name
        if args.talos is not None:
            self._upload_talos(name, args, here)
        self.register_outputs({"pool": self.pool})

    def _upload_talos(self, name: str, args: LibvirtHostArgs, here: pulumi.ResourceOptions) -> None:
        def volume(what: str, path: pulumi.Output[str]) -> pulumi.Output[str]:
            return uploaded(f"{name}-talos-{what}", pool=self.pool, path=path, opts=here).id

        assert args.talos is not None
        if args.settings.talos_image.boot == "iso":
            self.talos_iso = volume("iso", args.talos.iso_path.apply(str))
            return
        self.talos_kernel = volume("kernel", args.talos.kernel_path)
        self.talos_initramfs = volume("initramfs", args.talos.initramfs_path)
