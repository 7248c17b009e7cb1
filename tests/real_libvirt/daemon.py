"""A libvirtd of one's own, real and apart: nothing that it does is seen outside.

Its bridges, dnsmasq and firewall rules are in a network namespace; its configuration, sockets,
state and pools are bound over the usual places in a mount namespace; it, its virtual machines and
whoever is sent to it are in a PID namespace, and end with that one's first process. That one ends
when it is told to, and when whoever started it dies.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

_START_SECONDS = 60.0
_COMMAND_SECONDS = 120.0
_POLL_SECONDS = 0.05

PROGRAMS = (
    *("libvirtd", "virsh", "qemu-system-x86_64", "dnsmasq", "iptables", "xsltproc"),
    *("ip", "mount", "nsenter", "setpriv", "unshare", "ssh", "apt-get"),
)
_PATH = f"{os.environ.get('PATH', os.defpath)}:/usr/sbin:/sbin"

#: Of the first process. A folder that the machine lacks is made in an overlay, not on the machine.
#: libvirtd tries a /dev/kvm that does not work again and again, so it gets one that cannot be
#: opened. The shell stays, to reap what daemons leave: libvirt waits for those to be gone.
_SCRIPT = """
set -eu
mount --make-rprivate /
mount -t sysfs sysfs /sys
mount -t tmpfs tmpfs /run
mkdir /run/lock
if [ -e /dev/kvm ]; then
	touch /run/no-kvm
	mount --bind /run/no-kvm /dev/kvm
	mount -o remount,ro,bind /dev/kvm
fi
for place in /etc/libvirt /var/lib/libvirt /var/log/libvirt /var/cache/libvirt; do
	if [ ! -d "$place" ]; then
		above=${place%/*}
		mkdir -p "/run/over$above/new" "/run/over$above/work"
		layers="lowerdir=$above,upperdir=/run/over$above/new,workdir=/run/over$above/work"
		mount -t overlay -o "$layers" overlay "$above"
		mkdir "$place"
	fi
	mkdir -p "$1$place"
	mount --bind "$1$place" "$place"
done
cat >/etc/libvirt/libvirtd.conf <<END
auth_unix_ro = "none"
auth_unix_rw = "none"
END
cat >/etc/libvirt/qemu.conf <<END
user = "+65534"
group = "+65534"
namespaces = []
cgroup_controllers = []
security_driver = "none"
stdio_handler = "file"
END
ip link set lo up
libvirtd &
wait $!
"""


def lacks() -> list[str]:
    """Why this machine cannot have one. Empty if it can."""
    missing = [f"no {name}" for name in PROGRAMS if shutil.which(name, path=_PATH) is None]
    # The root of a user namespace may neither make devices nor give files away.
    everybody = Path("/proc/self/uid_map").read_text().split() == ["0", "0", str(2**32 - 1)]
    return missing if os.geteuid() == 0 and everybody else ["not root of the machine", *missing]


@dataclass(frozen=True, slots=True)
class Libvirtd:
    """A libvirtd that runs. `init` is the first process of its namespaces."""

    init: int

    def inside(self, *command: str) -> list[str]:
        """The command as one that runs on the host that this libvirtd believes to be on."""
        options = ("--target", str(self.init), "--mount", "--net", "--pid", "--")
        return ["nsenter", *options, *command]

    def path(self, path: str) -> Path:
        """A file of the host that it believes to be on, seen from outside."""
        return Path(f"/proc/{self.init}/root{path}")

    def run(self, *command: str) -> str:
        """What it prints. Raises `CalledProcessError` if it fails."""
        done = subprocess.run(
            self.inside(*command),
            env={**os.environ, "PATH": _PATH},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            text=True,
            timeout=_COMMAND_SECONDS,
            check=True,
        )
        return done.stdout

    def virsh(self, *words: str) -> str:
        """What virsh answers."""
        return self.run("virsh", "--connect", "qemu:///system", *words)

    def names(self, command: str) -> list[str]:
        """What a list of virsh's has, such as `list` or `net-list`: running or not."""
        return sorted(self.virsh(command, "--all", "--name").split())


@contextmanager
def running(folder: Path) -> Iterator[Libvirtd]:
    """A new libvirtd with its files in this folder, and its end with all that it runs."""
    log = folder / "libvirtd.log"
    command = (
        # If whoever waits for it is killed, it goes too.
        *("setpriv", "--pdeathsig", "KILL"),
        *("unshare", "--mount", "--net", "--ipc", "--uts", "--pid", "--fork", "--mount-proc"),
        *("--kill-child", "sh", "-c", _SCRIPT, "libvirtd", str(folder)),
    )
    with log.open("wb") as output:
        outer = subprocess.Popen(
            command,
            env={**os.environ, "PATH": _PATH},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
        )
    first: int | None = None
    try:
        found, first = _ready(outer, log)
        yield found
    finally:
        if first is None:
            outer.kill()
        else:
            with suppress(ProcessLookupError):
                signal.pidfd_send_signal(first, signal.SIGKILL)
            os.close(first)
        # A PID namespace's first process is gone when all the others are.
        outer.wait(_COMMAND_SECONDS)


def _ready(outer: subprocess.Popen[bytes], log: Path) -> tuple[Libvirtd, int]:
    """The libvirtd as soon as it answers, and a descriptor of its first process."""
    deadline = time.monotonic() + _START_SECONDS
    children = Path(f"/proc/{outer.pid}/task/{outer.pid}/children")
    first: int | None = None
    while outer.poll() is None and time.monotonic() < deadline:
        time.sleep(_POLL_SECONDS)
        if not (inner := children.read_text().split()):
            continue
        found = Libvirtd(int(inner[0]))
        first = os.pidfd_open(found.init) if first is None else first
        if not Path(f"/proc/{found.init}/root/run/libvirt/libvirt-sock").exists():
            continue
        with suppress(subprocess.SubprocessError):
            found.virsh("version")
            return found, first
    if first is not None:
        os.close(first)
    outer.kill()
    said = log.read_text(errors="replace").strip()[-3000:]
    raise RuntimeError(f"libvirtd does not answer after {_START_SECONDS:.0f} s:\n{said}")
