import json
import subprocess

import pytest

from twin import iproute, namespaces
from twin.place import Place
from twin.segment import BRIDGE, Segment, plug_command, port

MAC = "02:20:00:01:15:00"


def test_a_port_is_named_after_the_mac_and_fits_a_devices_name() -> None:
    assert port(MAC) == "p022000011500"
    assert len(port(MAC)) <= 15


@pytest.fixture
def segment(stack: str) -> Segment:
    made = Segment(Place(stack, "lan"))
    made.build("me")
    return made


def devices(place: Place) -> dict[str, object]:
    with namespaces.inside(place.namespace):
        shown = subprocess.check_output(["ip", "-details", "-json", "link", "show"])
    return {link["ifname"]: link for link in json.loads(shown)}


@pytest.mark.twin
def test_a_segment_is_a_switch_that_forwards_at_once(segment: Segment) -> None:
    assert set(devices(segment.place)) == {"lo", BRIDGE}
    assert segment.drift() == []
    assert "forward_delay': 0" in str(devices(segment.place)[BRIDGE])


@pytest.mark.twin
def test_building_a_segment_again_changes_nothing(segment: Segment) -> None:
    (before,) = iproute.query(segment.place.namespace, ["link show"])
    segment.build("me")
    assert iproute.query(segment.place.namespace, ["link show"]) == [before]


@pytest.mark.twin
def test_a_switch_that_is_gone_is_noticed_and_made_again(segment: Segment) -> None:
    iproute.batch(segment.place.namespace, [f"link del {BRIDGE}"])
    assert segment.drift() == ["the switch is gone"]
    segment.build("me")
    assert segment.drift() == []


@pytest.mark.twin
def test_a_switch_that_was_switched_off_is_noticed_and_switched_on(segment: Segment) -> None:
    iproute.batch(segment.place.namespace, [f"link set {BRIDGE} down"])
    assert segment.drift() != []
    segment.build("me")
    assert segment.drift() == []


@pytest.mark.twin
def test_a_machine_is_plugged_into_the_switch(segment: Segment, stack: str) -> None:
    machine = Place(stack, "machine")
    machine.claim("me")
    iproute.batch(
        segment.place.namespace,
        [plug_command(machine_namespace=machine.namespace, device="eth0", mac=MAC)],
    )
    assert set(devices(segment.place)) == {"lo", BRIDGE, port(MAC)}
    assert f"'address': '{MAC}'" in str(devices(machine)["eth0"])
