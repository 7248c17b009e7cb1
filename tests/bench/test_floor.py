import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from bench import floor
from bench.fabrics import SMALL, lacks
from bench.section import BenchError
from bench.topology import Topology, topology

pytestmark = [pytest.mark.twin, pytest.mark.xdist_group("twin")]


@pytest.fixture(scope="module", autouse=True)
def rights() -> None:
    if found := lacks(SMALL):
        pytest.skip("; ".join(found))


@pytest.fixture(scope="module")
def small() -> Topology:
    return topology(SMALL.plan())


def test_every_router_gets_every_route_and_nothing_is_left(small: Topology) -> None:
    files = open_files()

    taken = floor.measure(small)

    assert 0 < taken.converged < 30
    assert left_of(os.getpid()) == []
    assert open_files() == files  # namespaces without names are held by files alone


def test_routes_that_never_come_are_named_and_all_is_removed(small: Topology) -> None:
    impossible = Topology(small.segments, small.routers, small.others, frozenset({"192.0.2.0/24"}))

    with pytest.raises(BenchError, match=r"lack routes .* after 0 s: dc1-router1, dc2-router1"):
        floor.measure(impossible, limit_seconds=0.1)

    assert left_of(os.getpid()) == []


def test_an_interrupt_ends_the_daemons_and_removes_the_folder() -> None:
    program = (
        "import signal\n"
        # Python leaves SIGINT ignored where it is inherited so, as by a shell's background jobs.
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "from bench import floor, fabrics; from bench.topology import topology\n"
        "wanted = topology(fabrics.SMALL.plan())\n"
        "with floor.standing() as built:\n"
        "    built.build(wanted)\n"
        "    print(*(daemon.pid for daemon in built.daemons), flush=True)\n"
        "    import time; time.sleep(60)\n"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", program],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    with process:
        assert process.stdout
        daemons = process.stdout.readline().split()
        assert len(daemons) == 6
        process.send_signal(signal.SIGINT)
        process.wait(30)

    assert process.returncode != 0
    assert left_of(process.pid) == []
    assert not any(is_running(Path("/proc", daemon)) for daemon in daemons)


def open_files() -> list[str]:
    return sorted(
        str(file.readlink())
        for file in Path("/proc/self/fd").iterdir()
        if file.is_symlink() and str(file.readlink()).startswith("net:")
    )


def left_of(process: int) -> list[Path]:
    return list(Path("/run").glob(f"floor-{process}-*"))


def is_running(process: Path, limit_seconds: float = 5) -> bool:
    """A daemon that has ended may take a moment to be gone from the list."""
    deadline = time.monotonic() + limit_seconds
    while process.exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    return process.exists()
