"""What all twin machines have in common."""

import stat
from ipaddress import IPv4Address, IPv4Interface
from pathlib import Path

import pytest

from twin import machine, namespaces
from twin.machine import MissingProgramError, Nic
from twin.network import Address, Neighbor, Network, Observed, observe
from twin.place import Place
from twin.segment import Segment


def test_cards_count_from_eth0() -> None:
    assert [machine.device_name(number) for number in range(3)] == ["eth0", "eth1", "eth2"]


def test_neighbors_stand_on_the_device_that_holds_the_cards_addresses() -> None:
    gateway, other = IPv4Address("10.0.0.1"), IPv4Address("10.9.0.1")
    nics = [Nic("lan", "aa", {gateway: "bb"}), Nic("wan", "cc", {other: "dd"})]
    assert machine.static_neighbors(nics, ["br-lan", "eth1"]) == {
        Neighbor("br-lan", gateway, "bb"),
        Neighbor("eth1", other, "dd"),
    }


def test_a_sysctl_file_is_read_less_its_comments() -> None:
    text = """
    # a comment
    ; another
    net.ipv4.ip_forward = 1
    net.ipv4.ip_local_port_range=40000\t 50000
    """
    assert machine.parse_sysctls(text) == {
        "net.ipv4.ip_forward": "1",
        "net.ipv4.ip_local_port_range": "40000 50000",
    }


def test_a_file_is_written_below_the_machines_folder(tmp_path: Path) -> None:
    written = machine.write_file(tmp_path, "/etc/config/network", "one")
    assert written == tmp_path / "etc/config/network"
    assert written.read_text() == "one"
    machine.write_file(tmp_path, "/etc/config/network", "two")
    assert written.read_text() == "two"
    assert [path.name for path in written.parent.iterdir()] == ["network"], "no draft is left"


@pytest.mark.parametrize("mode", [0o644, 0o600])
def test_a_file_has_its_mode_before_it_has_its_text(tmp_path: Path, mode: int) -> None:
    written = machine.write_file(tmp_path, "secret", "hush", mode=mode)
    assert stat.S_IMODE(written.stat().st_mode) == mode


def test_a_file_left_half_written_by_a_run_that_was_killed_is_no_hindrance(tmp_path: Path) -> None:
    (tmp_path / ".secret.new").write_text("hu")
    written = machine.write_file(tmp_path, "secret", "hush", mode=0o600)
    assert written.read_text() == "hush"
    assert stat.S_IMODE(written.stat().st_mode) == 0o600


def test_a_card_that_is_gone_is_named_and_nothing_that_follows_from_it() -> None:
    observed = Observed(devices=frozenset({"lo", "eth1"}))
    assert machine.drift_of_network(observed, Network(up=frozenset({"lo"})), 3) == [
        "eth0, eth2 unplugged"
    ]


def test_what_ip_would_have_to_do_is_the_drift() -> None:
    observed = Observed(devices=frozenset({"lo", "eth0"}))
    assert machine.drift_of_network(observed, Network(up=frozenset({"eth0"})), 1) == [
        "needs: link set eth0 up"
    ]


@pytest.mark.twin
def test_only_the_namespaces_own_sysctls_are_set(place: Place) -> None:
    wanted = {"net.ipv4.ip_default_ttl": "63", "kernel.no_such_setting": "1"}
    outside = namespaces.read_sysctl("net.ipv4.ip_default_ttl")
    assert machine.differing_sysctls(place, wanted) == ["net.ipv4.ip_default_ttl"]
    machine.apply_sysctls(place, wanted)
    assert machine.differing_sysctls(place, wanted) == []
    assert namespaces.read_sysctl("net.ipv4.ip_default_ttl") == outside


@pytest.mark.twin
def test_rules_that_nft_refuses_are_reported_in_its_words(place: Place) -> None:
    with pytest.raises(
        MissingProgramError, match=r"(?s)nft refused the rules of machine: .*nonsense"
    ):
        machine.run_nft(place, ["-f", "-"], "nonsense\n")


@pytest.fixture
def segment(place: Place) -> Segment:
    found = Segment(Place(place.stack, "lan"))
    found.build("me")
    return found


@pytest.mark.twin
def test_cards_are_plugged_in_once(place: Place, segment: Segment) -> None:
    nics = [Nic(segment.place.namespace, f"02:00:00:00:00:0{number}", {}) for number in (1, 2)]
    machine.plug(place, nics, observe(place.namespace))
    observed = observe(place.namespace)
    assert observed.devices == {"lo", "eth0", "eth1"}
    machine.plug(place, nics, observed)
    assert observe(place.namespace) == observed


@pytest.mark.twin
def test_a_card_with_another_mac_is_another_card(place: Place, segment: Segment) -> None:
    """Which the other machine that had this MAC until now makes way for."""
    old, new = (Nic(segment.place.namespace, f"02:00:00:00:00:0{n}", {}) for n in (1, 2))
    other = Place(place.stack, "other")
    other.claim("me")
    machine.plug(place, [old], Observed())
    machine.plug(other, [new], Observed())
    assert "eth0" not in machine.plug(place, [new], observe(place.namespace)).devices
    machine.plug(other, [old], observe(other.namespace))
    found = [observe(where.namespace).macs["eth0"] for where in (place, other)]
    assert found == [new.mac, old.mac]


def network(address: str, neighbor: str) -> Network:
    return Network(
        up=frozenset({"lo", "eth0"}),
        addresses=frozenset({Address("eth0", IPv4Interface(address))}),
        neighbors=frozenset({Neighbor("eth0", IPv4Address(neighbor), "02:00:00:00:00:09")}),
    )


@pytest.mark.twin
@pytest.mark.parametrize("attempts", [1, 2])
@pytest.mark.parametrize(
    "after",
    [network("10.0.1.1/24", "10.0.1.9"), network("10.0.0.2/24", "10.0.0.9")],
    ids=["to another network", "within its network"],
)
def test_an_address_can_be_changed_in_place(
    place: Place, segment: Segment, after: Network, attempts: int
) -> None:
    """A datacentre that is given another LAN; also when the first attempt was killed half-way."""
    nic = Nic(segment.place.namespace, "02:00:00:00:00:01", {})
    before = network("10.0.0.1/24", "10.0.0.9")
    machine.plug(place, [nic], Observed())
    machine.apply_network(place, observe(place.namespace), before)
    for _ in range(attempts):
        machine.apply_network(place, observe(place.namespace), after, before)
    assert machine.drift_of_network(observe(place.namespace), after, 1) == []
    assert before.addresses.isdisjoint(observe(place.namespace).network.addresses)
