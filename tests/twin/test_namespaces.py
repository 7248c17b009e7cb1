import os
import threading
from pathlib import Path

import pytest

from twin import namespaces

pytestmark = pytest.mark.twin


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
