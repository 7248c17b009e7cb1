"""The stand-in router boots under software emulation, and its BIRD answers over SSH."""

from __future__ import annotations

import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from images import inject
from tests.router_image.build import StandIn, build, lacks

pytestmark = [
    pytest.mark.timeout(900),
    pytest.mark.xdist_group("real_libvirt"),  # not many emulated machines at a time
]

BOOT_SECONDS = 600


@dataclass
class Running:
    """A router that runs, and the way into it."""

    port: int
    key: Path
    log: Path

    def run(self, command: str) -> subprocess.CompletedProcess[str]:
        options = ("StrictHostKeyChecking=no", "UserKnownHostsFile=/dev/null", "LogLevel=ERROR",
                   "BatchMode=yes", "ConnectTimeout=20", "IdentitiesOnly=yes")  # fmt: skip
        flags = [word for option in options for word in ("-o", option)]
        return subprocess.run(
            ["ssh", *flags, "-i", self.key, "-p", str(self.port), "root@127.0.0.1", command],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    def wait(self) -> None:
        until = time.monotonic() + BOOT_SECONDS
        while self.run("true").returncode != 0:
            assert time.monotonic() < until, self.log.read_text(errors="replace")[-3000:]
            time.sleep(0.5)


@pytest.fixture(scope="module")
def stand_in() -> StandIn:
    if reasons := lacks():
        pytest.skip(", ".join(reasons))
    return build()


@pytest.fixture(scope="module")
def router(stand_in: StandIn, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    folder = tmp_path_factory.mktemp("router")
    key = folder / "key"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key], check=True)
    root = folder / "root.ext4"
    shutil.copyfile(stand_in.root, root)
    content = inject.Content(
        files={
            "/etc/dropbear/authorized_keys": key.with_suffix(".pub").read_bytes(),
            "/etc/config/system": b"config system\n\toption hostname 'ams-router1'\n",
            "/etc/uci-defaults/10-mark": b"echo once >> /root/mark\n",
        },
        modes={"/etc/dropbear/authorized_keys": 0o600},
        links={"/etc/rc.d/S70bird": "../init.d/bird"},
    )
    inject.inject(root, content, folder)
    with _emulated(stand_in, root, key, folder / "console") as running:
        running.wait()
        yield running


@contextmanager
def _emulated(stand_in: StandIn, root: Path, key: Path, log: Path) -> Iterator[Running]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    # Software emulation: a /dev/kvm that does not work is no reason to fail.
    arguments: list[str | Path] = [
        "nice", "-n", "10", "qemu-system-x86_64", "-machine", "pc,accel=tcg", "-cpu", "max",
        "-m", "256", "-nographic", "-no-reboot", "-kernel", stand_in.kernel, "-initrd",
        stand_in.initrd, "-append", "console=ttyS0,115200n8 root=/dev/vda rootwait",
        "-drive", f"file={root},if=virtio,format=raw",
        "-nic", f"user,model=virtio-net-pci,hostfwd=tcp:127.0.0.1:{port}-:22",
    ]  # fmt: skip
    with log.open("wb") as console:
        process = subprocess.Popen(
            arguments, stdin=subprocess.DEVNULL, stdout=console, stderr=console
        )
        try:
            yield Running(port, key, log)
        finally:
            process.kill()
            process.wait(30)


def test_bird_answers(router: Running) -> None:
    for _ in range(20):
        answer = router.run("birdc show status")
        if answer.returncode == 0:
            break
        time.sleep(1)
    assert "Daemon is up and running" in answer.stdout, answer
    assert "Hostname is ams-router1" in answer.stdout


def test_what_ran_at_the_first_boot_is_gone(router: Running) -> None:
    assert router.run("cat /root/mark; ls /etc/uci-defaults").stdout == "once\n"


def test_a_changed_file_is_reloaded_without_a_new_bird(router: Running) -> None:
    before = router.run("pidof bird").stdout
    done = router.run(
        "echo 'protocol static later { ipv4; }' >> /etc/bird.conf && bird -p -c /etc/bird.conf "
        "&& /etc/init.d/bird reload && sleep 2 && birdc show protocols"
    )
    assert "later" in done.stdout, done
    assert router.run("pidof bird").stdout == before


def test_the_network_file_makes_bridges_and_addresses(router: Running) -> None:
    # The card is QEMU's own network, so a second one is made up.
    lan = "config device\n\toption name 'br-lan'\n\toption type 'bridge'\n\tlist ports 'eth9'\n"
    lan += "config interface 'lan'\n\toption device 'br-lan'\n\tlist ipaddr '10.1.1.1/24'\n"
    done = router.run(
        f'ip link add eth9 type dummy; printf "{lan}" >> /etc/config/network; '
        "/etc/init.d/network reload; ip -j addr show br-lan; ip -br link show master br-lan"
    )
    assert '"local":"10.1.1.1"' in done.stdout, done
    assert "eth9" in done.stdout
    assert '"local":"10.0.2.15"' in router.run("ip -j addr show eth0").stdout


def test_the_commands_that_the_program_calls(router: Running) -> None:
    assert router.run("/etc/init.d/firewall reload").returncode == 0
    assert router.run("/etc/init.d/dnsmasq reload && /etc/init.d/sysctl reload").returncode == 0
    assert router.run("echo 'config \"x' > /etc/config/firewall; fw4 check").returncode == 1
    assert router.run("nft add table ip x && nft list tables").stdout == "table ip x\n"
    assert router.run("keepalived --version").returncode == 0
    assert router.run("modprobe bridge && echo x | sha256sum && /etc/init.d/bird restart").stdout
