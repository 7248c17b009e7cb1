"""A stack on a libvirtd of its own, and the way into its routers."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from tests.components.stacks import Written, written
from tests.engine_libvirt.stack import Stack
from tests.real_libvirt.daemon import Libvirtd
from tests.router_image.build import StandIn
from tests.twin.ages import Ages, of_lines
from tools.cli import PROJECT

T = TypeVar("T")

#: The routers' addresses on the WAN, which they share with the host.
FIRST, SECOND = "172.31.0.10", "172.31.0.12"

_LIMIT_SECONDS = 60
_SSH = (
    *("BatchMode=yes", "ConnectTimeout=20", "IdentitiesOnly=yes", "LogLevel=ERROR"),
    *("StrictHostKeyChecking=no", "UserKnownHostsFile=/dev/null"),
)


def configuration(image: StandIn) -> Written:
    """`dev` without its nodes: two routers, emulated, on networks that libvirt makes.

    Limits are those of emulated routers on a busy machine: they may hang for seconds.
    """
    config = written("dev")
    config["underlay:fabric"]["timers"] = {"hold_time": 240, "keepalive_time": 80}
    config["underlay:libvirt"] = {
        "type": "qemu",
        "cluster": False,
        "router": {"memory": 128, "boot_seconds": 600, "confirm_seconds": 180},
        "openwrt": {name: str(getattr(image, name)) for name in ("kernel", "initrd", "root")},
    }
    return config


@dataclass(frozen=True)
class Lab:
    """The stack, and where its machines are."""

    stack: Stack
    machines: Libvirtd
    image: StandIn

    @classmethod
    @contextmanager
    def opened(cls, folder: Path, machines: Libvirtd, image: StandIn) -> Iterator[Lab]:
        """A stack that is not up yet."""
        stack = Stack(folder, has_libvirt=True, machines=machines)
        stack.init(configuration(image))
        try:
            yield cls(stack, machines, image)
        finally:
            # What is run without naming the configuration file writes its salt into the project.
            (PROJECT / f"Pulumi.{stack.name}.yaml").unlink(missing_ok=True)

    def configure(self, change: Callable[[Written], None] = lambda _config: None) -> None:
        """Give the stack its configuration with this change."""
        config = configuration(self.image)
        change(config)
        self.stack.configure(config)

    def ssh(self, address: str, command: str) -> str:
        """What a router answers."""
        options = [word for option in _SSH for word in ("-o", option)]
        whom = ("-i", str(self._key()), f"root@{address}")
        return self.machines.run("ssh", *options, *whom, command)

    def answers(self, address: str) -> bool:
        """Whether a router lets us in."""
        try:
            self.ssh(address, "true")
        except subprocess.SubprocessError:
            return False
        return True

    def _key(self) -> Path:
        """The key by which the program itself logs in."""
        path = self.stack.folder / "key"
        if not path.exists():
            state = json.loads(self.stack.succeed("stack", "export", "--show-secrets"))
            keys = (
                found["outputs"]["private_key"]["plaintext"]
                for found in state["deployment"]["resources"]
                if found["urn"].endswith("-management-key")
            )
            path.touch(0o600)
            path.write_text(json.loads(next(keys)))
        return path

    def ages(self, address: str) -> Ages:
        """Since when each of the BIRD's protocols on a router is as it is."""
        lines = self.ssh(address, "birdc show protocols").splitlines()
        return of_lines(lines[2:])  # the greeting, and the columns' names

    def session(self, address: str) -> Ages:
        """The session with the other router."""
        name, age = next(
            item for item in self.ages(address).items() if item[0].startswith("router_")
        )
        return {name: age}

    def routes(self, address: str) -> Mapping[str, Mapping[str, str]]:
        """A router's routing table by destination."""
        answer = json.loads(self.ssh(address, "/sbin/ip -j -4 route show"))
        return {route["dst"]: route for route in answer}

    def running(self) -> Mapping[str, str]:
        """The QEMU process of each machine that runs, by its name: another one is another boot."""
        folder = self.machines.path("/run/libvirt/qemu")
        return {path.stem: path.read_text() for path in folder.glob("underlay-*.pid")}

    def remains(self) -> list[str]:
        """What there is of the stack's: domains, networks, pools, bridges, files, processes."""
        folders = (
            self.stack.folder / "cache/underlay/images/routers",
            self.machines.path("/var/lib/libvirt/underlay"),
        )
        links = json.loads(self.machines.run("ip", "-j", "link", "show"))
        processes = self.machines.run("ps", "-e", "-o", "comm=").split()
        kinds = ("list", "net-list", "pool-list")
        return [
            *(name for kind in kinds for name in self.machines.names(kind)),
            *(link["ifname"] for link in links if link["ifname"] != "lo"),
            *(str(path) for folder in folders for path in folder.rglob("*")),
            *(name for name in processes if name.startswith(("qemu", "dnsmasq"))),
        ]

    def mend(self) -> None:
        """What `make up` does first: take back what a run that was killed left."""
        mend = f"cd {PROJECT} && python -m tools mend --stack {self.stack.name}"
        subprocess.run(
            self.machines.inside("sh", "-c", mend),
            env=self.stack.environment,
            check=True,
            timeout=_LIMIT_SECONDS,
        )


def eventually(look: Callable[[], T], what: str, seconds: float = 120) -> T:
    """What is looked for, as soon as it is there."""
    deadline = time.monotonic() + seconds
    while not (found := look()):
        assert time.monotonic() < deadline, f"after {seconds:.0f} s: {what}"
        time.sleep(0.05)
    return found
