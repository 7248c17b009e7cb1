"""Places of the tests' own on this machine, always removed; and who may make them."""

import itertools
import os
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path

import pytest

from config.load import load
from config.plan import make_plan
from twin import daemons, iproute, namespaces, preflight
from twin.place import Place, release_stack

_numbers = itertools.count(1)


@cache
def _lacks() -> list[str]:
    every_daemon = make_plan(load({"datacentres": [{"routers": 2}]}))
    return preflight.findings(every_daemon, "test", preflight.inspect())


def pytest_runtest_setup(item: pytest.Item) -> None:
    if item.get_closest_marker("twin") and _lacks():
        pytest.skip(preflight.complaint(_lacks()))


def _new_name() -> str:
    return f"test-{os.getpid()}-{next(_numbers)}"


@pytest.fixture
def stack() -> Iterator[str]:
    """The name of a stack that nobody else has. Whatever it leaves is removed."""
    name = _new_name()
    try:
        yield name
    finally:
        release_stack(name)


@pytest.fixture
def place(stack: str) -> Place:
    """A machine's place that has been claimed by `me`."""
    claimed = Place(stack, "machine")
    claimed.claim("me")
    return claimed


_BIRD = """
router id 192.0.2.1;
timeformat protocol iso long ms;
protocol device { scan time 1; }
protocol bgp node {
  local 192.0.2.1 as 65000;
  neighbor 192.0.2.2 port 1179 as 65001;
  multihop;
  connect delay time 1;
  ipv4 { import all; export none; };
}
"""


@pytest.fixture
def bird(place: Place) -> Path:
    """The control socket of a BIRD at 192.0.2.1 that dials 192.0.2.2."""
    iproute.batch(place.namespace, ["link set lo up", "address add 192.0.2.1/32 dev lo"])
    configuration = place.folder / "bird.conf"
    configuration.write_text(_BIRD)
    socket = place.folder / "bird.ctl"
    files = ["-s", str(socket), "-P", str(place.folder / "bird.pid")]
    daemons.launch(place.namespace, ["bird", "-c", str(configuration), *files], folder=place.folder)
    return socket


@pytest.fixture
def namespace() -> Iterator[str]:
    """A bare namespace."""
    name = _new_name()
    namespaces.create(name)
    try:
        yield name
    finally:
        namespaces.delete(name)


@pytest.fixture(scope="module")
def namespace_anew() -> Iterator[Callable[[], str]]:
    """An empty namespace at each call, always of one name: for properties over many."""
    name = _new_name()

    def anew() -> str:
        namespaces.delete(name)
        namespaces.create(name)
        return name

    try:
        yield anew
    finally:
        namespaces.delete(name)
