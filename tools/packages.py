"""The system packages that the twin needs: installed by apt where that is possible.

Packages of daemons start them and have them started at boot. Here only the programs are wanted,
for the twin's own namespaces, so both are prevented for every service that is new on this machine.
"""

import os
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tools import ToolError, cache
from tools.lock import locked
from tools.progress import Progress
from tools.run import Command, run

LIMIT = 900.0  # seconds for one call of apt-get
MARK = "# Written by underlay while packages are installed, removed afterwards, for: "


@dataclass(frozen=True)
class Need:
    """A command, the Debian package that has it, and the service which that package brings."""

    command: str
    package: str
    service: str | None = None


NEEDS = (
    Need("ip", "iproute2"),
    Need("nft", "nftables"),
    Need("bird", "bird2", "bird"),
    Need("birdc", "bird2", "bird"),
    Need("gobgpd", "gobgpd", "gobgpd"),
    Need("keepalived", "keepalived", "keepalived"),
    Need("busybox", "busybox-static"),
)

#: What tests use besides; those that miss one are skipped and say so.
TEST_NEEDS = (
    Need("promtool", "prometheus", "prometheus"),
    Need("prometheus-bird-exporter", "prometheus-bird-exporter", "prometheus-bird-exporter"),
    Need("dropbear", "dropbear-bin"),
    Need("shellcheck", "shellcheck"),
    Need("ssh", "openssh-client"),
    Need("openssl", "openssl"),
    Need("debugfs", "e2fsprogs"),
    Need("qemu-system-x86_64", "qemu-system-x86"),
    Need("qemu-img", "qemu-utils"),
    # The program without the service: that is in libvirt-daemon-system, which nothing here needs.
    Need("libvirtd", "libvirt-daemon", "libvirtd"),
    Need("virsh", "libvirt-clients"),
    Need("dnsmasq", "dnsmasq-base"),
    Need("iptables", "iptables"),
    Need("xsltproc", "xsltproc"),
)


@dataclass(frozen=True)
class Host:
    """What this module asks of the machine; tests put a folder in its place."""

    root: bool
    path: str
    log: Path
    lock: Path
    policy: Path = Path("/usr/sbin/policy-rc.d")
    services: tuple[Path, ...] = tuple(
        map(Path, ("/etc/systemd/system", "/lib/systemd/system", "/usr/lib/systemd/system"))
    )

    @classmethod
    def this(cls) -> "Host":
        """The machine itself. Daemons live in sbin, which is not on everybody's PATH."""
        return cls(
            root=os.geteuid() == 0,
            path=f"{os.environ.get('PATH', os.defpath)}:/usr/local/sbin:/usr/sbin:/sbin",
            log=cache.log(os.environ, "apt"),
            lock=cache.cache(os.environ) / "packages.lock",
        )

    def has(self, command: str) -> bool:
        """Whether the command can be found."""
        return shutil.which(command, path=self.path) is not None

    def has_service(self, name: str) -> bool:
        """Whether somebody has set up a service of this name, be it without Debian's package."""
        return any((folder / f"{name}.service").exists() for folder in self.services)


def missing(host: Host) -> list[Need]:
    """What is needed and not there."""
    return [need for need in NEEDS if not host.has(need.command)]


def missing_for_tests(host: Host) -> list[Need]:
    """What tests would use and is not there, where it can be installed at all."""
    return [need for need in TEST_NEEDS if host.root and not host.has(need.command)]


def ensure(host: Host, progress: Progress, more: Sequence[Need] = ()) -> None:
    """Install what is missing, or say in one message what it is and how to install it."""
    needs = [*missing(host), *more]
    if not (needs or (host.root and _forbidden(host.policy))):
        return
    if not (host.root and host.has("apt-get")):
        raise ToolError(_message(needs, host.has("apt-get")))
    with locked(host.lock, "installing system packages", progress):
        _install(host, [*missing(host), *more], progress)


def _message(needs: Sequence[Need], apt: bool) -> str:
    commands = ", ".join(dict.fromkeys(need.command for need in needs))
    packages = " ".join(_packages(needs))
    start = f"missing on this machine: {commands}."
    if apt:
        install = f"apt-get install --no-install-recommends {packages}"
        return f"{start} Install with: sudo {install}"
    return f"{start} Install them (Debian calls the packages: {packages}) and run this again"


def _packages(needs: Sequence[Need]) -> list[str]:
    return list(dict.fromkeys(need.package for need in needs))


def _install(host: Host, needs: Sequence[Need], progress: Progress) -> None:
    services = {need.service for need in needs if need.service}
    new = {name for name in services if not host.has_service(name)} | _forbidden(host.policy)
    host.log.unlink(missing_ok=True)
    with not_started(host.policy, sorted(new)):
        if packages := _packages(needs):
            progress.say(f"installing {', '.join(packages)} …")
            _apt_install(host, packages, progress)
    _disable(host, sorted(new))
    if left := missing(host):
        raise ToolError(_message(left, apt=True))


def _apt_install(host: Host, packages: Sequence[str], progress: Progress) -> None:
    try:
        _apt(host, progress, "install", *packages)
    except ToolError:
        # No package lists yet, or lists that name versions which are gone.
        _apt(host, progress, "update")
        _apt(host, progress, "install", *packages)


def _apt(host: Host, progress: Progress, action: str, *packages: str) -> None:
    extra = ("--yes", "--no-install-recommends") if action == "install" else ()
    options = ("DPkg::Lock::Timeout=300", "Acquire::Retries=2", "Acquire::http::Timeout=30")
    settings = tuple(word for option in options for word in ("-o", option))
    env = {**os.environ, "PATH": host.path, "DEBIAN_FRONTEND": "noninteractive"}
    arguments = ("apt-get", "--quiet", *settings, action, *extra, *packages)
    doing = " ".join(("apt-get", action, *packages))
    run(Command(doing, arguments, LIMIT, env=env), host.log, progress)


@contextmanager
def not_started(policy: Path, services: Sequence[str]) -> Iterator[None]:
    """Forbid the packages' scripts to start these services, by Debian's policy-rc.d (exit 101).

    A policy that the machine already has is its owner's and stays as it is; one that a killed run
    left behind is ours and is replaced.
    """
    if not services or (os.path.lexists(policy) and not _forbidden(policy)):
        yield
        return
    names = " ".join(f"{name} {name}.service" for name in services)
    policy.write_text(
        f"#!/bin/sh\n{MARK}{' '.join(services)}\n"
        f'for word in "$@"; do for name in {names}; do\n'
        '  [ "$word" = "$name" ] && exit 101\n'
        "done; done\nexit 0\n"
    )
    try:
        policy.chmod(0o755)
        yield
    finally:
        policy.unlink(missing_ok=True)


def _forbidden(policy: Path) -> set[str]:
    """The services that a policy of ours names, left by a run that was killed; else nothing."""
    try:
        lines = policy.read_text(errors="replace").splitlines()
    except OSError:
        return set()
    return {name for line in lines if line.startswith(MARK) for name in line[len(MARK) :].split()}


def _disable(host: Host, services: Sequence[str]) -> None:
    """Have the new services not started at boot either; without systemd there is update-rc.d."""
    for service in services:
        if host.has("systemctl"):
            arguments = ["systemctl", "disable", "--quiet", service]
        elif host.has("update-rc.d"):
            arguments = ["update-rc.d", service, "disable"]
        else:
            continue
        with host.log.open("ab") as log:
            subprocess.run(
                arguments,
                env={**os.environ, "PATH": host.path},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                timeout=60,
                check=False,
            )
