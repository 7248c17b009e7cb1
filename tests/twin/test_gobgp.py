"""A real GoBGP is told what to do, and BIRD is its neighbor, all in one namespace."""

import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from ipaddress import IPv4Address, IPv4Network
from pathlib import Path

import pytest

from config.families import Family
from tests.twin.ages import ages, went_on
from twin import birdc, daemons, gobgp, iproute
from twin.gobgp import Client, GobgpError, Neighbor, Speaker
from twin.place import Place

pytestmark = [
    pytest.mark.twin,
    pytest.mark.filterwarnings("ignore:subprocess .* is still running:ResourceWarning"),
]

#: Where the fixture `bird` speaks from, and whom it dials.
ROUTER, NODE = IPv4Address("192.0.2.1"), IPv4Address("192.0.2.2")
POD_CIDR = IPv4Network("10.129.21.0/24")

SPEAKER = Speaker(
    asn=65001,
    router_id=NODE,
    listen_port=1179,
    neighbors=(
        Neighbor(
            address=ROUTER,
            families=(Family.IPV4,),
            asn=65000,
            local_asn=65001,
            port=179,
            hold_time=9,
            keepalive_time=3,
            connect_retry_time=5,
            restart_time=120,
            password=None,
        ),
    ),
    next_hops=(NODE,),
    prefixes=(POD_CIDR,),
)


@pytest.fixture
def client(place: Place) -> Iterator[Client]:
    """A GoBGP that knows nothing yet."""
    iproute.batch(place.namespace, ["link set lo up", f"address add {NODE}/32 dev lo"])
    socket = place.folder / "gobgp.sock"
    command = ["gobgpd", "--api-hosts", f"unix://{socket}", "--pprof-disable", "--log-plain"]
    daemons.start(place.namespace, command, folder=place.folder, environment={})
    with gobgp.connect(socket) as found:
        yield found


def comes(condition: Callable[[], bool], within_seconds: float = 20) -> bool:
    deadline = time.monotonic() + within_seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


def test_a_gobgp_that_knows_nothing_has_no_sessions(client: Client) -> None:
    assert client.sessions() == {}
    assert not client.is_as(SPEAKER)


def test_a_gobgp_becomes_what_it_is_told_to_be(client: Client) -> None:
    client.apply(SPEAKER)
    assert client.is_as(SPEAKER)
    assert client.prefixes() == [POD_CIDR]
    assert set(client.sessions()) == {ROUTER}


def test_starting_does_the_same_in_fewer_calls(client: Client) -> None:
    client.start(SPEAKER)
    assert client.is_as(SPEAKER)


def test_a_session_comes_up_and_being_told_again_does_not_touch_it(
    client: Client, bird: Path
) -> None:
    client.apply(SPEAKER)
    assert comes(lambda: client.sessions() == {ROUTER: "Established"})
    assert comes(lambda: birdc.sessions(bird) == {str(NODE): "Established"})
    assert comes(lambda: any(str(POD_CIDR) in line for line in birdc.ask(bird, "show route")))
    before = ages(bird)
    client.apply(SPEAKER)
    client.apply(SPEAKER)
    assert client.is_as(SPEAKER)
    assert went_on(before, ages(bird))


def test_a_prefix_comes_and_goes_without_touching_the_session(client: Client, bird: Path) -> None:
    client.apply(SPEAKER)
    assert comes(lambda: client.sessions() == {ROUTER: "Established"})
    before = ages(bird)
    other = IPv4Network("10.129.99.0/24")
    client.apply(replace(SPEAKER, prefixes=(other,)))
    assert client.prefixes() == [other]
    assert comes(lambda: any(str(other) in line for line in birdc.ask(bird, "show route")))
    assert not any(str(POD_CIDR) in line for line in birdc.ask(bird, "show route"))
    assert went_on(before, ages(bird))


def test_a_neighbor_that_is_no_longer_wanted_is_removed(client: Client) -> None:
    other = replace(SPEAKER.neighbors[0], address=IPv4Address("192.0.2.9"))
    client.apply(replace(SPEAKER, neighbors=(SPEAKER.neighbors[0], other)))
    assert set(client.sessions()) == {ROUTER, other.address}
    client.apply(SPEAKER)
    assert set(client.sessions()) == {ROUTER}


@pytest.mark.parametrize(
    "changed",
    [
        {"hold_time": 30, "keepalive_time": 10},
        {"connect_retry_time": 20},
        {"restart_time": 60},
        {"restart_time": None},
        {"password": "hush"},
        {"asn": 65099},
        {"port": 1790},
    ],
)
def test_a_neighbor_that_is_to_be_another_is_noticed_and_changed(
    client: Client, changed: dict[str, object]
) -> None:
    client.apply(SPEAKER)
    neighbor = replace(SPEAKER.neighbors[0], **changed)  # type: ignore[arg-type]
    wanted = replace(SPEAKER, neighbors=(neighbor,))
    assert not client.is_as(wanted)
    client.apply(wanted)
    assert client.is_as(wanted)


def test_what_was_changed_by_hand_is_noticed_and_mended(client: Client) -> None:
    client.apply(SPEAKER)
    client.apply(replace(SPEAKER, prefixes=(), neighbors=()))
    assert not client.is_as(SPEAKER)
    client.apply(SPEAKER)
    assert client.is_as(SPEAKER)


@pytest.mark.parametrize("changed", [{"asn": 65002}, {"router_id": ROUTER}, {"listen_port": None}])
def test_a_gobgp_that_is_to_be_another_itself_is_noticed(
    client: Client, changed: dict[str, object]
) -> None:
    client.apply(SPEAKER)
    assert not client.is_as(replace(SPEAKER, **changed))  # type: ignore[arg-type]


def test_what_gobgp_refuses_is_said_in_its_words(client: Client) -> None:
    nonsense = replace(SPEAKER, neighbors=(replace(SPEAKER.neighbors[0], asn=0, local_asn=0),))
    with pytest.raises(GobgpError):
        client.apply(replace(nonsense, asn=0))


def test_a_gobgp_that_does_not_answer_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gobgp, "_LIMIT_SECONDS", 0.2)
    with gobgp.connect(tmp_path / "nobody.sock") as nobody, pytest.raises(GobgpError) as error:
        nobody.sessions()
    assert "nobody.sock" in str(error.value)
