"""BIRD with ten thousand PodCIDRs and a thousand VIPs: how long it takes, and its memory."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from bench import rtnetlink
from bench.failures import wait_until
from bench.memory import pss_mebibytes
from bench.netns import Namespace
from bench.samples import alternate, spread
from bench.section import BenchError, Options, Section
from config.families import Network, nth_subnet
from config.load import load
from config.plan import make_plan
from render.artifacts import render
from render.bird import CONFIGURATION
from render.interfaces import LAN_BRIDGE, PEERINGS
from twin import birdc

_SIZES = ((0, 0), (1_000, 100), (10_000, 1_000))
_CARD, _LAN = 2, 3


@dataclass(frozen=True, slots=True)
class Taken:
    """Seconds from the established session to the kernel's last route, and the BIRD's memory."""

    seconds: float
    mebibytes: float


def run(options: Options) -> Section:
    """Measure all sizes in turn, as often as asked."""
    if shutil.which("bird") is None or os.geteuid() != 0:
        raise BenchError("routes: needs bird and root's rights, as `make bench` has them")
    sizes = _SIZES[:-1] if options.quick else _SIZES
    found = alternate(
        options.runs,
        sizes,
        _measure,
        lambda run, size, taken: options.say(f"routes: {sum(size)} {run}: {taken.seconds:.2f} s"),
    )
    return Section(
        title="A router's BIRD with the routes of many nodes",
        columns=("PodCIDRs", "VIPs", "from session to kernel, s", "memory, MiB"),
        rows=tuple(
            (
                f"{size[0]}",
                f"{size[1]}",
                spread(taken, lambda t: t.seconds).text(),
                spread(taken, lambda t: t.mebibytes).text(digits=1),
            )
            for size, taken in found.items()
        ),
        notes=("A reflector announces them; the file is the rendered one of its client.",),
        data={
            f"{size[0]}+{size[1]}": {
                "seconds": [t.seconds for t in taken],
                "mebibytes": [t.mebibytes for t in taken],
            }
            for size, taken in found.items()
        },
    )


def _measure(size: tuple[int, int]) -> Taken:
    plan = make_plan(load(_FABRIC))
    feeder, originator, subject = plan.routers
    ranges = plan.ranges[0]
    prefixes = [
        *_some(ranges.pods, ranges.node_pods_prefix_length, size[0]),
        *_some(ranges.vips, 32, size[1]),
    ]
    rendered = render(plan).routers[subject.name].files[CONFIGURATION]
    text = _FEEDER.format(
        router_id=feeder.router_id,
        local=feeder.peering.address.ip,
        neighbor=subject.peering.address.ip,
        asn=subject.asn,
        originator=originator.router_id,
        routes="\n".join(f"  route {prefix} unreachable;" for prefix in prefixes),
    )
    with ExitStack() as ended:
        near, far = Namespace(), Namespace()
        ended.callback(near.close)
        ended.callback(far.close)
        _cable(near, far, subject.peering.mac, feeder.peering.mac)
        near.kernel.send(
            [
                rtnetlink.address(_CARD, subject.peering.address),
                rtnetlink.bridge(_LAN, LAN_BRIDGE),
                rtnetlink.address(_LAN, subject.lan.address),
                rtnetlink.up(_LAN),
            ]
        )
        far.kernel.send([rtnetlink.address(_CARD, feeder.peering.address)])
        wanted = {str(prefix) for prefix in prefixes}
        ended.enter_context(_bird(far, text))
        daemon, control = ended.enter_context(_bird(near, rendered))
        wait_until(lambda: _is_up(control, str(feeder.peering.address.ip)), "the session")
        began = time.perf_counter()
        wait_until(lambda: wanted <= near.kernel.prefixes(), "the routes")
        return Taken(time.perf_counter() - began, pss_mebibytes(daemon.pid))


#: A datacentre has no more than some hundred PodCIDRs, and a router is believed about no others;
#: a reflector tells of everybody's. The one here signs nothing, and is as far away as any machine.
_FABRIC = {
    "datacentres": 3,
    "full_mesh_limit": 2,
    "security": {"generate_passwords": False, "ttl_security": False},
}

_FEEDER = """
router id {router_id};
protocol device {{ scan time 1; }}
protocol static announced {{
  ipv4;
{routes}
}}
protocol bgp subject {{
  local {local} as {asn};
  neighbor {neighbor} as {asn};
  direct;
  connect delay time 1;
  ipv4 {{
    import none;
    export filter {{
      if source != RTS_STATIC then reject;
      bgp_originator_id = {originator};
      accept;
    }};
    next hop self;
    add paths on;
  }};
}}
"""


def _some(within: Network, length: int, count: int) -> Iterator[Network]:
    """The last so many prefixes of this length: those that are no near node's."""
    room = 1 << (length - within.prefixlen)
    return (nth_subnet(within, length, room - number) for number in range(1, count + 1))


def _cable(near: Namespace, far: Namespace, near_mac: str, far_mac: str) -> None:
    device = next(iter(PEERINGS.values()))
    far_end = rtnetlink.far_end(_CARD, device, far_mac, far.file)
    near.kernel.send([rtnetlink.veth(_CARD, device, far_end, address=near_mac)])
    for space in (near, far):
        space.kernel.send([rtnetlink.up(_CARD)])


@contextmanager
def _bird(space: Namespace, text: str) -> Iterator[tuple[subprocess.Popen[bytes], Path]]:
    with tempfile.TemporaryDirectory(prefix="underlay-bench-") as name:
        folder = Path(name)
        (folder / "bird.conf").write_text(text)
        control = folder / "bird.ctl"
        with space.inside(), (folder / "log").open("wb") as log:
            daemon = subprocess.Popen(
                ["bird", "-f", "-c", str(folder / "bird.conf"), "-s", str(control)],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        try:
            wait_until(control.exists, "BIRD's control socket")
            yield daemon, control
        finally:
            daemon.kill()
            daemon.wait()


def _is_up(control: Path, neighbor: str) -> bool:
    return birdc.sessions(control).get(neighbor) == "Established"
