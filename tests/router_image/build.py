"""Builds a small stand-in for OpenWrt's images, for tests that boot routers on a real libvirt.

Debian's cloud kernel, and an ext4 root of a few Debian packages (BIRD, dropbear, nftables,
keepalived, iproute2, BusyBox) with scripts in the place of what the program calls of OpenWrt:
/etc/init.d/*, uci, fw4. It reads the same files: /etc/config/network, /etc/bird.conf,
/etc/dropbear/authorized_keys, /etc/uci-defaults. It is no OpenWrt: the firewall's rules are parsed
and not carried out, and there is no DHCP server.

Nothing is installed and nothing needs root: packages are downloaded by apt and unpacked.
"""

from __future__ import annotations

import functools
import hashlib
import os
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from images import e2fs
from tests.router_image import debian, initrd, modules
from tools.cache import cache
from tools.lock import locked
from tools.progress import Progress

HERE = Path(__file__).resolve().parent
PACKAGES = (
    "bird2", "busybox", "dropbear-bin", "iproute2", "keepalived", "nftables"
)  # fmt: skip
_STATIC = "busybox-static"
ROOT_MB = 80

#: What the disk needs before the root is there.
_DISK = ("virtio_pci", "virtio_blk")
_KEPT_MODULES = (
    "drivers/virtio", "drivers/block/virtio_blk.ko", "drivers/net/virtio_net.ko",
    "drivers/net/net_failover.ko", "drivers/net/dummy.ko", "drivers/char/hw_random",
    "net/core", "net/bridge", "net/802", "net/llc", "net/netfilter", "net/ipv4", "net/ipv6",
    "lib",
)  # fmt: skip
_LIBRARIES = "usr/lib/x86_64-linux-gnu"
_DROPPED = (
    "usr/share", "usr/lib/systemd", "lib/systemd", "etc/init.d", "etc/bird", "etc/default",
    # What keepalived's library for SNMP would need if it were used.
    *(f"{_LIBRARIES}/{name}" for name in ("perl", "perl-base", "perl5", "gconv")),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class StandIn:
    """The files to boot a router from: name them in an `OpenWrtImage`."""

    kernel: Path
    initrd: Path
    root: Path


def lacks() -> list[str]:
    """Why it cannot be built or booted on this machine. Empty if it can."""
    needed = ("apt-get", "dpkg-deb", "qemu-system-x86_64", "ssh")
    if missing := [f"no {name}" for name in needed if shutil.which(name) is None]:
        return missing
    return [] if _kernel() else ["apt knows no linux-image-cloud-amd64"]


@functools.cache
def _kernel() -> str | None:
    return debian.kernel_package()


def build(env: Mapping[str, str] = os.environ) -> StandIn:
    """The stand-in's files, built unless these very sources were built before."""
    if (kernel := _kernel()) is None:
        raise RuntimeError("; ".join(lacks()))
    packages = debian.closure(PACKAGES)
    folder = cache(env) / "router-image" / _digest(debian.versions([kernel, _STATIC, *packages]))
    with locked(folder.parent / "lock", "building the stand-in router", progress := Progress()):
        if not folder.exists():
            progress.say("building the stand-in router (about a minute, once) …")
            draft = folder.with_suffix(".partial")
            shutil.rmtree(draft, ignore_errors=True)
            draft.mkdir(parents=True)
            _build(draft, kernel, packages)
            draft.rename(folder)
    return StandIn(folder / "kernel", folder / "initrd", folder / "root.ext4")


def _digest(versions: list[str]) -> str:
    """What the result depends on: the packages, and every file beside this one."""
    digest = hashlib.sha256("\n".join(versions).encode())
    for path in sorted(HERE.rglob("*")):
        if path.is_file() and "__pycache__" not in path.parts and not path.name.startswith("test_"):
            digest.update(f"{path.relative_to(HERE)} {path.stat().st_mode & 0o111}\n".encode())
            digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


def _build(into: Path, kernel: str, packages: list[str]) -> None:
    work = into / "work"
    tree, kernel_tree = work / "root", work / "kernel"
    tree.mkdir(parents=True)
    debian.unpack(packages, work / "packages", tree)
    # The kernel, and a BusyBox that needs no libraries for the initrd. In the root another one is
    # wanted: Debian's static one prefers its own applets to the commands that are there.
    debian.unpack([kernel, _STATIC], work / "kernel-packages", kernel_tree)
    shutil.copyfile(next(kernel_tree.glob("boot/vmlinuz-*")), into / "kernel")
    source = next(kernel_tree.glob("lib/modules/*"))
    every = modules.scan(source)
    paths = {name: module.path for name, module in every.items()}
    initrd.write(into / "initrd", kernel_tree / "bin/busybox", paths, modules.ordered(every, _DISK))
    _thin_out(tree)
    _copy_modules(source, tree / "lib/modules" / source.name)
    _furnish(tree)
    _make_file_system(tree, into / "root.ext4")
    shutil.rmtree(work)


def _thin_out(tree: Path) -> None:
    for name in _DROPPED:
        shutil.rmtree(tree / name, ignore_errors=True)


def _copy_modules(source: Path, target: Path) -> None:
    for name in _KEPT_MODULES:
        kept = source / "kernel" / name
        copy = target / "kernel" / name
        copy.parent.mkdir(parents=True, exist_ok=True)
        if kept.is_dir():
            shutil.copytree(kept, copy)
        elif kept.exists():
            shutil.copyfile(kept, copy)
    found = modules.scan(target)
    # Those that need what is not kept could not be loaded anyway.
    usable = {name: one for name, one in found.items() if _is_complete(name, found)}
    for name in set(found) - set(usable):
        found[name].path.unlink()
    modules.write_indexes(usable, target)


def _is_complete(name: str, found: Mapping[str, modules.Module]) -> bool:
    return name in found and all(_is_complete(needed, found) for needed in found[name].needs)


def _furnish(tree: Path) -> None:
    """OpenWrt's places and commands, and BusyBox for the rest."""
    for name in ("dev", "proc", "sys", "tmp", "run", "root/.ssh", "etc/rc.d", "etc/uci-defaults",
                 "etc/dropbear", "etc/sysctl.d", "etc/keepalived", "bin", "sbin", "usr/bin",
                 "usr/sbin", "var"):  # fmt: skip
        (tree / name).mkdir(parents=True, exist_ok=True)
    for name in ("root", "root/.ssh", "etc/dropbear"):
        (tree / name).chmod(0o700)
    shutil.copytree(HERE / "rootfs", tree, dirs_exist_ok=True)
    applets = subprocess.run(
        [tree / "bin/busybox", "--list-full"], capture_output=True, text=True, check=True
    )
    for applet in applets.stdout.split():
        path = tree / applet
        # A stand-in's own command, or a package's, comes first.
        elsewhere = (tree / folder / path.name for folder in ("bin", "sbin", "usr/bin", "usr/sbin"))
        if not any(other.exists() or other.is_symlink() for other in elsewhere):
            path.parent.mkdir(parents=True, exist_ok=True)
            path.symlink_to("/bin/busybox")
    for link, target in _LINKS.items():
        place = tree / link
        place.parent.mkdir(parents=True, exist_ok=True)
        if not place.is_symlink():
            place.symlink_to(target)


_LINKS = {
    "var/run": "/run",
    "var/log": "/tmp/log",
    "var/lock": "/run/lock",
    # OpenWrt's dropbear reads its own folder; Debian's reads the home's.
    "root/.ssh/authorized_keys": "/etc/dropbear/authorized_keys",
    # What OpenWrt's packages enable; S70bird is put there by what is tested.
    "etc/rc.d/S10system": "../init.d/system",
    "etc/rc.d/S11sysctl": "../init.d/sysctl",
    "etc/rc.d/S19dropbear": "../init.d/dropbear",
    "etc/rc.d/S19firewall": "../init.d/firewall",
    "etc/rc.d/S20network": "../init.d/network",
    "etc/rc.d/S50keepalived": "../init.d/keepalived",
}


def _make_file_system(tree: Path, image: Path) -> None:
    e2fs.require_programs()
    path = f"{os.environ.get('PATH', os.defpath)}:/usr/sbin:/sbin"
    program = shutil.which("mkfs.ext4", path=path) or "mkfs.ext4"
    subprocess.run(
        [program, "-q", "-F", "-L", "rootfs", "-d", str(tree), str(image), f"{ROOT_MB}M"],
        check=True,
        timeout=300,
    )
    # Unpacked by somebody who is not root, the files are theirs; dropbear wants these to be root's.
    own = [f"sif {path} {who} 0" for path in ("/", "/root", "/root/.ssh") for who in ("uid", "gid")]
    e2fs.debugfs(image, own, writing=True)


if __name__ == "__main__":
    print(build())
