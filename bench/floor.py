"""The floor: the twin's machines and daemons by raw netlink from one process, without the engine.

It says how long the kernel and the daemons take, so that the rest of a `pulumi up` is the engine's
and ours. What it leaves out: the firewall's rules, the records that `read` needs, and looking at
sessions. It ends when every router's kernel has a route to every PodCIDR.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from bench import rtnetlink
from bench.netns import Namespace, write_sysctl
from bench.section import BenchError
from bench.topology import Machine, Topology
from twin import gobgp
from twin.network import Network
from twin.place import STATE_FOLDER
from twin.segment import BRIDGE, port

_LIMIT_SECONDS = 30.0
_POLL_SECONDS = 0.01
_GRACE_SECONDS = 5.0

#: Links have fixed numbers, so that none has to be looked up. 1 is the loopback.
_FIRST_CARD, _FIRST_BRIDGE, _FIRST_POD, _FIRST_PORT = 2, 20, 100, 3
_LOOPBACK, _SWITCH = 1, 2

#: Agents that are spoken to at a time: more do not help two cores.
_AGENTS_AT_ONCE = 4


@dataclass(frozen=True, slots=True)
class Taken:
    """Seconds from the first namespace to the last route, and to the end of all of it."""

    converged: float
    teardown: float


def measure(wanted: Topology, limit_seconds: float = _LIMIT_SECONDS) -> Taken:
    """Build it, wait for its routes, and remove it, whatever happens."""
    began = time.perf_counter()
    with ExitStack() as ended:
        floor = ended.enter_context(standing())
        floor.build(wanted)
        floor.wait(wanted, limit_seconds)
        converged = time.perf_counter()
    return Taken(converged - began, time.perf_counter() - converged)


@contextmanager
def standing() -> Iterator[Floor]:
    """An empty floor. At the end its daemons are ended, its namespaces and folder let go."""
    floor = Floor(Path(tempfile.mkdtemp(prefix=f"floor-{os.getpid()}-", dir=STATE_FOLDER.parent)))
    try:
        yield floor
    finally:
        floor.close()


class Floor:
    """The namespaces and daemons of one measurement."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.daemons: list[subprocess.Popen[bytes]] = []
        self._spaces: dict[str, Namespace] = {}
        self._ports: dict[str, int] = {}

    def build(self, wanted: Topology) -> None:
        """Make the machines. BIRDs wait a second before they dial, so they are started first."""
        for segment in wanted.segments:
            self._space(segment).kernel.send([rtnetlink.bridge(_SWITCH, BRIDGE)])
        for router in wanted.routers:
            self._boot(router)
            self._start_bird(router)
        for machine in wanted.others:
            self._boot(machine)
            if machine.speaker:
                self._start_agent(machine)
        with ThreadPoolExecutor(_AGENTS_AT_ONCE) as pool:
            list(pool.map(self._tell_agent, wanted.others))

    def wait(self, wanted: Topology, limit_seconds: float) -> None:
        """Wait until every router's kernel has a route to every PodCIDR."""
        deadline = time.monotonic() + limit_seconds
        lacking = {router.name for router in wanted.routers}
        while lacking:
            for name in sorted(lacking):
                if wanted.prefixes <= self._spaces[name].kernel.prefixes():
                    lacking.discard(name)
            if lacking and time.monotonic() > deadline:
                raise BenchError(
                    f"the floor's routers lack routes to PodCIDRs after {limit_seconds:.0f} s: "
                    + ", ".join(sorted(lacking))
                )
            time.sleep(_POLL_SECONDS)

    def close(self) -> None:
        """End the daemons, let go of the namespaces, remove the folder."""
        for daemon in self.daemons:
            daemon.terminate()
        for daemon in self.daemons:
            try:
                daemon.wait(_GRACE_SECONDS)
            except subprocess.TimeoutExpired:
                daemon.kill()
                daemon.wait()
        for space in self._spaces.values():
            space.close()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _space(self, name: str) -> Namespace:
        self._spaces[name] = Namespace()
        return self._spaces[name]

    def _boot(self, machine: Machine) -> None:
        space = self._space(machine.name)
        for number, nic in enumerate(machine.nics):
            self._plug(nic.segment, nic.mac, _FIRST_CARD + number, f"eth{number}", space)
        cards = {f"eth{n}": _FIRST_CARD + n for n in range(len(machine.nics))}
        bridges = sorted(machine.network.bridges, key=lambda bridge: bridge.name)
        indexes = {"lo": _LOOPBACK} | cards
        messages = []
        for index, bridge in enumerate(bridges, start=_FIRST_BRIDGE):
            indexes[bridge.name] = index
            messages.append(rtnetlink.bridge(index, bridge.name))
            messages += [rtnetlink.enslave(indexes[card], index) for card in bridge.ports]
        for index, pod in enumerate(machine.pods, start=_FIRST_POD):
            indexes[pod.node_device] = index
            place = self._space(pod.place.machine)
            end = rtnetlink.far_end(_FIRST_CARD, "eth0", pod.mac, place.file)
            cable = rtnetlink.veth(index, pod.node_device, end, address=pod.node_mac)
            messages.append(cable)
        space.kernel.send([*messages, *_configure(machine.network, indexes)])
        with space.inside():
            for name, value in machine.sysctls.items():
                write_sysctl(name, value)
        for pod in machine.pods:
            inside = {"lo": _LOOPBACK, "eth0": _FIRST_CARD}
            self._spaces[pod.place.machine].kernel.send(_configure(pod.network(), inside))

    def _plug(self, segment: str, mac: str, index: int, name: str, space: Namespace) -> None:
        number = self._ports.get(segment, _FIRST_PORT)
        self._ports[segment] = number + 1
        end = rtnetlink.far_end(index, name, mac, space.file)
        self._spaces[segment].kernel.send([rtnetlink.veth(number, port(mac), end, master=_SWITCH)])

    def _start_bird(self, router: Machine) -> None:
        folder = self._folder(router)
        configuration = folder / "bird.conf"
        for name, text in router.bird.items():
            (folder / name).write_text(text)
        command = ["bird", "-f", "-c", str(configuration), "-s", str(folder / "bird.ctl")]
        self._start(router, command, {})

    def _start_agent(self, node: Machine) -> None:
        self._folder(node)
        command = ["gobgpd", "--api-hosts", f"unix://{self._api(node)}"]
        command += ["--pprof-disable", "--log-plain", "--cpus", "1"]
        self._start(node, command, {"GOGC": "20"})

    def _tell_agent(self, machine: Machine) -> None:
        if machine.speaker:
            with gobgp.connect(self._api(machine)) as client:
                client.start(machine.speaker)

    def _start(self, machine: Machine, command: Sequence[str], more: dict[str, str]) -> None:
        folder = self.folder / machine.name
        with (folder / "log").open("wb") as log, self._spaces[machine.name].inside():
            self.daemons.append(
                subprocess.Popen(
                    command,
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    cwd=folder,
                    env={**os.environ, **more},
                    start_new_session=True,
                )
            )

    def _folder(self, machine: Machine) -> Path:
        folder = self.folder / machine.name
        folder.mkdir()
        return folder

    def _api(self, machine: Machine) -> Path:
        return self.folder / machine.name / "gobgp.sock"


def _configure(network: Network, indexes: dict[str, int]) -> list[bytes]:
    """Links up, addresses, routes and ARP entries; gateways are found through prefixes."""
    routes = sorted(network.routes, key=lambda route: route.gateway is not None)
    return [
        *(rtnetlink.up(indexes[name]) for name in network.up),
        *(rtnetlink.address(indexes[at.device], at.interface) for at in network.addresses),
        *(
            rtnetlink.route(r.prefix, r.gateway, indexes[r.device] if r.device else None)
            for r in routes
        ),
        *(rtnetlink.neighbor(indexes[n.device], n.address, n.mac) for n in network.neighbors),
    ]
