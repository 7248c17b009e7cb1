from ipaddress import IPv4Address, IPv4Interface

import pytest

from config.families import Address
from twin import iproute
from twin.host import Host
from twin.machine import Nic
from twin.place import Place
from twin.segment import Segment

pytestmark = pytest.mark.twin


@pytest.fixture
def host(stack: str) -> Host:
    segment = Segment(Place(stack, "wan"))
    segment.build("me")
    neighbors: dict[Address, str] = {IPv4Address("172.31.0.10"): "02:10:00:01:01:01"}
    nic = Nic(segment.place.namespace, "02:40:00:00:00:00", neighbors)
    return Host(Place(stack, "internet"), (nic,), (IPv4Interface("172.31.0.1/22"),))


def test_a_host_that_was_built_is_as_it_should_be(host: Host) -> None:
    host.build("me")
    assert host.drift() == []


def test_building_a_host_again_changes_nothing(host: Host) -> None:
    def shown() -> object:
        return iproute.query(host.place.namespace, ["address show", "neighbor show"])

    host.build("me")
    before = shown()
    host.build("me", host)
    assert shown() == before


@pytest.mark.parametrize(
    ("by_hand", "drift"),
    [
        ("link del eth0", "eth0 unplugged"),
        ("address del 172.31.0.1/22 dev eth0", "needs: address add 172.31.0.1/22 dev eth0"),
        ("link set eth0 down", "needs: link set eth0 up"),
        (
            "route add unreachable 10.0.0.0/8 proto static",
            "needs: route del unreachable 10.0.0.0/8",
        ),
    ],
)
def test_what_was_changed_by_hand_is_said_and_mended(host: Host, by_hand: str, drift: str) -> None:
    host.build("me")
    iproute.batch(host.place.namespace, [by_hand])
    assert drift in host.drift()
    host.build("me", host)
    assert host.drift() == []


def test_a_host_that_was_killed_half_way_is_finished_by_the_next_build(host: Host) -> None:
    host.place.claim("me")
    host.build("me")
    assert host.drift() == []


def test_a_host_that_was_deleted_can_be_made_again_at_once(host: Host) -> None:
    """Which is what the engine does where it deletes before it replaces."""
    for _ in range(5):
        host.build("me")
        host.place.release()


def test_a_host_of_another_name_can_take_its_cable(host: Host, stack: str) -> None:
    """A datacentre that is renamed: the engine makes the new machines before the old ones go."""
    host.build("me")
    renamed = Host(Place(stack, "world"), host.nics, host.addresses)
    renamed.build("me")
    assert renamed.drift() == []
