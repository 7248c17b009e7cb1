"""Routers to change: each a root of its own in namespaces, with dropbear, BIRD and BusyBox.

A router's root has the programs that OpenWrt's default build has (though Debian's BusyBox, as a
shell, finds more applets than are there); the host of the lab is a namespace too, so that nothing
touches the machine's own network. See `standins.py` for what is not real.
"""

import ctypes
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import asyncssh

from config.machines import Router as PlannedRouter
from config.plan import Plan
from day1.ssh import Address

REPOSITORY = Path(__file__).parents[2]

#: Applets of OpenWrt's default build (package/utils/busybox/Config-defaults.in), less the exotic.
_APPLETS = """
ash awk basename cat chgrp chmod chown chroot cmp cp cut date dd df dirname du echo egrep env expr
false fgrep find flock free grep gunzip gzip head hexdump id kill killall ln ls md5sum mkdir mkfifo
mknod mktemp mount mv netstat nice pgrep pidof ping printf ps pwd readlink rm rmdir sed seq sh
sha256sum sleep sort start-stop-daemon strings sync tail tar tee test time top touch tr true umount
uname uniq uptime wc which xargs yes zcat
"""
PROGRAMS = ("bird", "birdc", "nft", "ip", "sysctl", "dropbear")

#: By uhttpd's configuration; BusyBox's server takes only scripts that are executable.
_SERVE = (
    "{ eval $(sed -n \"s/.*listen_http '/listen='/p; s/.*option home '/home='/p\" "
    "/etc/config/uhttpd); chmod +x $home/cgi-bin/*; exec httpd -p $listen -h $home; }"
)

_CLONE_NEWNET = 0x40000000
_libc = ctypes.CDLL(None, use_errno=True)
T = TypeVar("T")


def missing() -> list[str]:
    needed = ("unshare", "nsenter", "busybox", "dropbearconvert", *PROGRAMS)
    return [name for name in needed if shutil.which(name, path=SEARCH) is None]


SEARCH = f"{os.environ['PATH']}:/usr/sbin:/sbin"


@dataclass(frozen=True)
class Router:
    planned: PlannedRouter
    root: Path
    process: int
    address: Address

    def file(self, path: str) -> Path:
        return self.root / path.lstrip("/")

    def text(self, path: str) -> str:
        return self.file(path).read_text()

    def calls(self) -> list[str]:
        """What was asked of init scripts since the last time."""
        log = self.file("/tmp/calls")
        found = log.read_text().splitlines() if log.exists() else []
        log.unlink(missing_ok=True)
        return found

    def run(self, *command: str) -> str:
        inside = ["nsenter", "-t", str(self.process), "-m", "-n", "-p", "-r", "-w"]
        return subprocess.run(
            [*inside, *command], capture_output=True, text=True, check=True, timeout=10
        ).stdout

    def session(self) -> str:
        """The line of the first BGP session with another router: name, state and since when.

        To the second: BIRD computes the moment anew each time, a millisecond off.
        """
        lines = self.run("/usr/sbin/birdc", "show", "protocols").splitlines()
        line = next((line for line in lines if line.startswith("router_")), "")
        return re.sub(r"(:\d\d)\.\d+ +", r"\1 ", line)

    def reaches(self, other: "Router") -> bool:
        """Whether the kernel knows the other's LAN: the last that a session brings about."""
        return str(other.planned.lan.address.network) in self.run("/sbin/ip", "-4", "route", "show")

    def bird(self) -> str:
        return self.run("/bin/pidof", "bird").strip()


class Lab:
    """The host and its routers."""

    def __init__(self, folder: Path, plan: Plan) -> None:
        self.folder = folder
        self.plan = plan
        self.processes: list[subprocess.Popen[bytes]] = []
        self.host = self._start("--net", "sleep", "infinity")
        self.key = asyncssh.generate_private_key("ssh-ed25519")
        self._on_host("ip", "link", "set", "lo", "up")
        for bridge in ("wan", "peering"):
            self._on_host("ip", "link", "add", bridge, "type", "bridge")
            self._on_host("ip", "link", "set", bridge, "up")
        self._on_host("ip", "addr", "add", str(plan.wan_gateways[0]), "dev", "wan")

    def close(self) -> None:
        for process in reversed(self.processes):
            process.kill()
            process.wait()
        for mount in Path("/proc/self/mounts").read_text().splitlines():
            assert str(self.folder) not in mount

    def router(self, planned: PlannedRouter, files: Mapping[str, str]) -> Router:
        root = self.folder / planned.name
        host_key = asyncssh.generate_private_key("ssh-ed25519")
        build_root(root, files, host_key, self.key)
        number = len(self.processes)
        options = ("--net", "--mount", "--pid", "--fork", "--kill-child")
        outer = self._start(*options, "sh", str(root / "boot.sh"))
        for nic, (card, bridge) in zip(
            planned.nics, (("eth0", None), ("eth1", "wan"), ("eth2", "peering")), strict=True
        ):
            here = f"r{number}{card}"
            link = ("ip", "link", "add", here, "type", "veth", "peer", "name", card)
            self._on_host(*link, "address", nic.mac, "netns", str(outer))
            self._on_host("ip", "link", "set", here, "up")
            if bridge:
                self._on_host("ip", "link", "set", here, "master", bridge)
        (root / "cards").touch()
        children = Path(f"/proc/{outer}/task/{outer}/children")
        inner = eventually(lambda: children.read_text().split())[0]
        return Router(
            planned,
            root,
            int(inner),
            Address(
                str(planned.wan.address.ip),
                host_key.export_public_key().decode(),
                self.key.export_private_key().decode(),
            ),
        )

    @contextmanager
    def inside(self) -> Iterator[None]:
        """The calling thread on the lab's host."""
        home = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
        there = os.open(f"/proc/{self.host}/ns/net", os.O_RDONLY)
        try:
            assert _libc.setns(there, _CLONE_NEWNET) == 0
            yield
        finally:
            assert _libc.setns(home, _CLONE_NEWNET) == 0
            os.close(home)
            os.close(there)

    def command(self, *command: str) -> list[str]:
        return ["nsenter", "-t", str(self.host), "-n", *command]

    def _start(self, *arguments: str) -> int:
        with (self.folder / "processes.log").open("ab") as log:
            process = subprocess.Popen(
                ["unshare", *arguments], stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )
        self.processes.append(process)
        own = Path("/proc/self/ns/net").readlink()
        eventually(lambda: Path(f"/proc/{process.pid}/ns/net").readlink() != own)
        return process.pid

    def _on_host(self, *command: str) -> None:
        subprocess.run(self.command(*command), check=True, timeout=10)


def build_root(
    root: Path, files: Mapping[str, str], host_key: asyncssh.SSHKey, client_key: asyncssh.SSHKey
) -> None:
    """A root with OpenWrt's layout; programs are links to the machine's, which is at /host."""
    for folder in (
        *("bin", "sbin", "usr/bin", "usr/sbin", "dev", "proc", "host", "run/bird", "var", "tmp"),
        *("root/.ssh", "etc/init.d", "etc/config", "etc/dropbear", "etc/sysctl.d"),
    ):
        (root / folder).mkdir(parents=True)
    for link, target in (("lib", "/host/usr/lib"), ("lib64", "/host/usr/lib64")):
        (root / link).symlink_to(target)
    (root / "var/run").symlink_to("/run")
    (root / "run/bird.ctl").symlink_to("bird/bird.ctl")  # OpenWrt's socket, and Debian's
    for name in _APPLETS.split():
        (root / "bin" / name).symlink_to(f"/host{shutil.which('busybox', path=SEARCH)}")
    for name in PROGRAMS:
        program = Path(shutil.which(name, path=SEARCH) or name).resolve()
        (root / "usr/sbin" / name).symlink_to(f"/host{program}")
    (root / "sbin/ip").symlink_to("/usr/sbin/ip")
    for name in ("busybox", "httpd"):
        (root / "usr/bin" / name).symlink_to(f"/host{shutil.which('busybox', path=SEARCH)}")
    write(root / "etc/passwd", "root:x:0:0:root:/root:/bin/ash\n")
    write(root / "etc/group", "root:x:0:\n")
    write(root / "etc/shells", "/bin/ash\n")
    write(root / "root/.ssh/authorized_keys", client_key.export_public_key().decode(), 0o600)
    (root / "root").chmod(0o700)
    write(root / "etc/host-key", host_key.export_private_key().decode(), 0o600)
    subprocess.run(
        [
            "dropbearconvert",
            "openssh",
            "dropbear",
            root / "etc/host-key",
            root / "etc/dropbear/key",
        ],
        check=True,
        capture_output=True,
    )
    for path, text in files.items():
        write(root / path.lstrip("/"), text)
    _scripts(root)


def _scripts(root: Path) -> None:
    def script(path: str, text: str) -> None:
        write(root / path, f"#!/bin/sh\n{text}\n", 0o755)

    def standin(name: str) -> str:
        python = f"env PYTHONPATH={REPOSITORY} {sys.executable}"
        return f"{python} {Path(__file__).with_name('standins.py')} {name} {root}"

    called = 'echo "${0##*/} $1" >>/tmp/calls\n'
    script("sbin/fw4", f'exec chroot /host {standin("fw4")} "$@"')
    script("sbin/uci", f'exec chroot /host {standin("uci")} "$@"')
    script("usr/bin/uclient-fetch", 'exec busybox wget "$@"')
    script("etc/init.d/network", f"{called}exec chroot /host {standin('network')}")
    script("etc/init.d/firewall", f"{called}exec fw4 reload")
    script("etc/init.d/sysctl", f"{called}sysctl -e -q -p /etc/sysctl.d/90-underlay.conf || true")
    script("etc/init.d/dnsmasq", f"{called}")
    script("etc/init.d/bird", f"{called}exec bird -c /etc/bird.conf")
    script("etc/init.d/uhttpd", f"{called}[ ! -e /etc/config/uhttpd ] || {_SERVE}")
    script(
        "init",
        "until [ -e /cards ]; do sleep 1; done; ip link set lo up\n"
        "for each in sysctl network firewall bird uhttpd; do /etc/init.d/$each start; done\n"
        "rm -f /tmp/calls\n"
        "exec dropbear -F -E -s -r /etc/dropbear/key -P ''",
    )
    write(
        root / "boot.sh",
        f"mount --make-rprivate /\n"
        f"mount --rbind / {root}/host\nmount -t proc proc {root}/proc\n"
        f"mount --rbind /dev {root}/dev\nexec chroot {root} /bin/sh /init\n",
    )


def write(path: Path, text: str, mode: int = 0o644) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(mode)


def eventually(look: Callable[[], T], seconds: float = 15) -> T:
    deadline = time.monotonic() + seconds
    while True:
        with suppress(OSError, subprocess.CalledProcessError):
            if found := look():
                return found
        assert time.monotonic() < deadline, look
        time.sleep(0.05)
