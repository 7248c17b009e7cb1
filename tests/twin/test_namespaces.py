import os
import socket
import threading
import time
from pathlib import Path

import pytest

from twin import iproute, namespaces
from twin.network import observe

pytestmark = pytest.mark.twin

_LIMIT_SECONDS = 60


def here() -> str:
    """The namespace that the calling thread is in."""
    return Path("/proc/thread-self/ns/net").readlink().name


def listed() -> list[str]:
    """What `ip netns` would show."""
    return [path.name for path in namespaces.NETNS_FOLDER.iterdir()]


def test_a_namespace_stands_from_its_making_to_its_end(namespace: str) -> None:
    assert namespaces.exists(namespace)
    assert namespace in listed()
    namespaces.delete(namespace)
    assert not namespaces.exists(namespace)
    assert namespace not in listed()


def test_making_a_namespace_leaves_the_maker_where_it_was(namespace: str) -> None:
    home = here()
    namespaces.delete(namespace)
    namespaces.create(namespace)
    assert here() == home


def test_a_name_that_is_taken_is_refused_and_stays_as_it_is(namespace: str) -> None:
    with namespaces.inside(namespace):
        before = here()
    with pytest.raises(FileExistsError):
        namespaces.create(namespace)
    with namespaces.inside(namespace):
        assert here() == before


def test_a_namespace_goes_with_its_links_though_nobody_hears_its_last_words(namespace: str) -> None:
    """As those of a router that was removed, which the firewalls of nodes let in no more."""
    other = f"{namespace}-other"
    namespaces.create(other)
    try:
        cable = f"link add eth0 type veth peer name eth0 netns {other}"
        iproute.batch(namespace, [cable, "address add 10.0.0.1/24 dev eth0", "link set eth0 up"])
        iproute.batch(other, ["address add 10.0.0.2/24 dev eth0", "link set eth0 up"])
        with namespaces.inside(other):
            server = socket.create_server(("10.0.0.2", 0))
        with server:
            with namespaces.inside(namespace):
                client = socket.create_connection(server.getsockname())
            with client:
                iproute.batch(other, ["address del 10.0.0.2/24 dev eth0"])
                client.send(b"last words")
            namespaces.delete(namespace)
            deadline = time.monotonic() + _LIMIT_SECONDS
            while "eth0" in observe(other).devices and time.monotonic() < deadline:
                time.sleep(0.05)
            assert "eth0" not in observe(other).devices
    finally:
        namespaces.delete(other)


def test_deleting_what_is_not_there_is_no_error() -> None:
    namespaces.delete(f"test-{os.getpid()}-nobody")


def test_what_runs_inside_is_inside_and_comes_back(namespace: str) -> None:
    home = here()
    with namespaces.inside(namespace):
        assert here() != home
        assert Path("/proc/thread-self/net/dev").read_text().count(":") == 1, "lo alone"
    assert here() == home


def test_an_error_inside_comes_back_as_well(namespace: str) -> None:
    home = here()
    with pytest.raises(ZeroDivisionError), namespaces.inside(namespace):
        _ = 1 / 0
    assert here() == home


def test_going_into_what_is_not_there_says_so_and_stays() -> None:
    home = here()
    with pytest.raises(FileNotFoundError, match="nobody"), namespaces.inside("test-nobody"):
        pass
    assert here() == home


def test_other_threads_stay_where_they_are(namespace: str) -> None:
    home = here()
    seen: list[str] = []
    with namespaces.inside(namespace):
        other = threading.Thread(target=lambda: seen.append(here()))
        other.start()
        other.join()
        inside = here()
    assert inside != home
    # A new thread begins where its maker is; those that were there before have not moved.
    assert seen == [inside]
    assert Path(f"/proc/{os.getpid()}/ns/net").readlink().name == home


def test_ipv6_is_off_inside(namespace: str) -> None:
    with namespaces.inside(namespace):
        assert namespaces.read_sysctl("net.ipv6.conf.all.disable_ipv6") == "1"
        assert namespaces.read_sysctl("net.ipv6.conf.default.disable_ipv6") == "1"


def test_a_sysctl_that_is_set_inside_changes_nothing_outside(namespace: str) -> None:
    name = "net.ipv4.ip_local_port_range"
    outside = namespaces.read_sysctl(name)
    with namespaces.inside(namespace):
        namespaces.write_sysctl(name, "40000\t50000")
        assert namespaces.read_sysctl(name) == "40000 50000"
    assert namespaces.read_sysctl(name) == outside
