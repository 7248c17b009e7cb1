"""From what stands to what should: the commands, and what the kernel makes of them."""

from collections.abc import Callable
from dataclasses import replace
from ipaddress import IPv4Address, IPv4Interface, IPv4Network

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from config.families import Network as IpNetwork
from twin import iproute
from twin.network import (
    Address,
    Bridge,
    Neighbor,
    Network,
    Observed,
    Route,
    commands,
    observe,
    obsolete_addresses,
)

ROUTER = Network(
    up=frozenset({"lo", "eth0", "eth1", "br-lan"}),
    bridges=frozenset({Bridge("br-lan", frozenset({"eth0"}))}),
    addresses=frozenset(
        {
            Address("br-lan", IPv4Interface("10.1.1.2/24")),
            Address("eth1", IPv4Interface("172.31.0.10/22")),
        }
    ),
    routes=frozenset(
        {
            Route(IPv4Network("0.0.0.0/0"), gateway=IPv4Address("172.31.0.1")),
            Route(IPv4Network("10.1.0.0/16")),
            Route(IPv4Network("10.129.21.10/32"), device="eth1"),
        }
    ),
    neighbors=frozenset({Neighbor("eth1", IPv4Address("172.31.0.1"), "02:40:00:00:00:00")}),
)

FROM_NOTHING = [
    "link add br-lan type bridge",
    "link set eth0 master br-lan",
    "link set br-lan up",
    "link set eth0 up",
    "link set eth1 up",
    "link set lo up",
    "address add 10.1.1.2/24 dev br-lan",
    "address add 172.31.0.10/22 dev eth1",
    "route add 10.129.21.10/32 dev eth1 proto static",
    "route add 0.0.0.0/0 via 172.31.0.1 proto static",
    "route add unreachable 10.1.0.0/16 proto static",
    "neighbor replace 172.31.0.1 lladdr 02:40:00:00:00:00 dev eth1 nud permanent",
]

CARDS = frozenset({"lo", "eth0", "eth1"})
STANDING = Observed(devices=CARDS | {"br-lan"}, network=ROUTER)


def test_from_nothing_everything_is_made_in_an_order_that_works() -> None:
    assert commands(Observed(CARDS), ROUTER) == FROM_NOTHING


def test_where_all_is_as_it_should_be_nothing_is_done() -> None:
    assert commands(STANDING, ROUTER) == []


def changed(**parts: frozenset[object]) -> Observed:
    """The router after somebody changed it by hand."""
    return Observed(STANDING.devices, replace(ROUTER, **parts))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("observed", "expected"),
    [
        (changed(up=ROUTER.up - {"eth1"}), ["link set eth1 up"]),
        (changed(bridges=frozenset()), ["link set eth0 master br-lan"]),
        (
            changed(addresses=frozenset()),
            ["address add 10.1.1.2/24 dev br-lan", "address add 172.31.0.10/22 dev eth1"],
        ),
        (
            changed(routes=ROUTER.routes | {Route(IPv4Network("192.168.0.0/16"))}),
            ["route del unreachable 192.168.0.0/16"],
        ),
        (
            changed(neighbors=frozenset({Neighbor("eth1", IPv4Address("172.31.0.9"), "a")})),
            [
                "neighbor del 172.31.0.9 dev eth1",
                "neighbor replace 172.31.0.1 lladdr 02:40:00:00:00:00 dev eth1 nud permanent",
            ],
        ),
    ],
)
def test_what_was_changed_by_hand_is_mended_and_nothing_else(
    observed: Observed, expected: list[str]
) -> None:
    assert commands(observed, ROUTER) == expected


def test_a_route_that_goes_another_way_is_removed_before_the_right_one_is_made() -> None:
    everywhere = IPv4Network("0.0.0.0/0")
    wrong = changed(routes=frozenset({Route(everywhere, gateway=IPv4Address("172.31.0.9"))}))
    found = commands(wrong, ROUTER)
    assert found.index("route del 0.0.0.0/0 via 172.31.0.9") < found.index(
        "route add 0.0.0.0/0 via 172.31.0.1 proto static"
    )


def test_an_address_that_somebody_else_moves_about_is_left_alone() -> None:
    vrrp = Address("br-lan", IPv4Interface("10.1.1.1/24"))
    assert commands(changed(addresses=ROUTER.addresses | {vrrp}), ROUTER) == []


def test_what_only_the_previous_network_had_is_obsolete() -> None:
    previous = Network(
        addresses=ROUTER.addresses | {Address("eth1", IPv4Interface("192.168.0.1/24"))}
    )
    standing = changed(addresses=previous.addresses)
    assert obsolete_addresses(standing, previous, ROUTER) == ["address del 192.168.0.1/24 dev eth1"]
    assert obsolete_addresses(standing, ROUTER, ROUTER) == []


def test_what_is_obsolete_and_gone_already_is_not_removed_again() -> None:
    previous = Network(addresses=frozenset({Address("eth1", IPv4Interface("192.168.0.1/24"))}))
    assert obsolete_addresses(STANDING, previous, ROUTER) == []


@pytest.mark.parametrize(
    ("route", "words"),
    [
        (Route(IPv4Network("10.0.0.0/8")), "unreachable 10.0.0.0/8"),
        (Route(IPv4Network("10.0.0.0/8"), device="eth0"), "10.0.0.0/8 dev eth0"),
        (
            Route(IPv4Network("10.0.0.0/8"), gateway=IPv4Address("10.1.1.1")),
            "10.0.0.0/8 via 10.1.1.1",
        ),
    ],
)
def test_a_route_reads_as_ip_takes_it(route: Route, words: str) -> None:
    assert str(route) == words


# From here on the kernel has a say. Three cards, plugged into ports that nobody uses.

_CARDS = ("eth0", "eth1", "eth2")
_PLUG = [f"link add {card} type veth peer name p-{card}" for card in _CARDS]
_LOOPBACK = Address("lo", IPv4Interface("127.0.0.1/8"))


@st.composite
def bridges(draw: st.DrawFn) -> frozenset[Bridge]:
    """No bridge, one with a port or two, or two with a port each."""
    ports = draw(st.lists(st.sampled_from(_CARDS), unique=True, max_size=2))
    names = draw(st.sampled_from([("br-lan", "br-lan"), ("br-lan", "br-x")]))
    found: dict[str, set[str]] = {}
    for name, port in zip(names, ports, strict=False):
        found.setdefault(name, set()).add(port)
    return frozenset(Bridge(name, frozenset(ports)) for name, ports in found.items())


@st.composite
def networks(draw: st.DrawFn, bridges: frozenset[Bridge]) -> Network:
    """A network that a machine with three cards and these bridges can have."""
    devices = sorted({*_CARDS, *(bridge.name for bridge in bridges)})
    addresses = draw(st.frozensets(_addresses(devices), max_size=5))
    keys = st.tuples(st.sampled_from(devices), _within("10.77.0.0/28"))
    neighbors = draw(st.dictionaries(keys, _macs, max_size=4))
    return Network(
        up=frozenset({"lo", *devices}),
        bridges=bridges,
        addresses=addresses,
        routes=draw(_routes(devices, sorted({a.interface.network for a in addresses}, key=str))),
        neighbors=frozenset(
            Neighbor(device, address, mac) for (device, address), mac in neighbors.items()
        ),
    )


def one_after_the_other() -> st.SearchStrategy[tuple[Network, Network]]:
    return bridges().flatmap(lambda found: st.tuples(networks(found), networks(found)))


_DEVICE_NUMBERS = {"br-lan": 3, "br-x": 4, "eth0": 0, "eth1": 1, "eth2": 2}
_macs = st.integers(0, 255).map(lambda last: f"02:00:00:00:00:{last:02x}")


def _within(network: str) -> st.SearchStrategy[IPv4Address]:
    return st.sampled_from(list(IPv4Network(network).hosts()))


def _addresses(devices: list[str]) -> st.SearchStrategy[Address]:
    """Each device has ranges of its own, and own addresses are the first hosts there."""
    return st.builds(
        lambda device, third, host: Address(
            device, IPv4Interface(f"10.{_DEVICE_NUMBERS[device]}.{third}.{host}/24")
        ),
        st.sampled_from(devices),
        st.integers(0, 2),
        st.integers(1, 9),
    )


@st.composite
def _routes(draw: st.DrawFn, devices: list[str], connected: list[IpNetwork]) -> frozenset[Route]:
    """Gateways are the last hosts of connected networks."""
    prefixes = draw(
        st.lists(
            st.sampled_from(
                ["0.0.0.0/0", "172.16.0.0/12", "172.16.0.0/16", "172.16.1.0/24", "172.16.1.1/32"]
            ).map(IPv4Network),
            unique=True,
        )
    )
    ways = [st.just((None, None)), st.tuples(st.none(), st.sampled_from(devices))]
    if connected:
        gateways = st.sampled_from([network[200] for network in connected])
        ways.append(st.tuples(gateways, st.none()))
    return frozenset(Route(prefix, *draw(st.one_of(ways))) for prefix in prefixes)


_few = settings(max_examples=25, deadline=None)


@pytest.mark.twin
@_few
@given(desired=bridges().flatmap(networks))
def test_the_kernel_has_what_the_commands_were_for(
    namespace_anew: Callable[[], str], desired: Network
) -> None:
    namespace = namespace_anew()
    iproute.batch(namespace, _PLUG)
    iproute.batch(namespace, commands(observe(namespace), desired))
    observed = observe(namespace)
    assert observed.network == Network(
        up=desired.up,
        bridges=desired.bridges,
        addresses=desired.addresses | {_LOOPBACK},
        routes=desired.routes,
        neighbors=desired.neighbors,
    )
    assert commands(observed, desired) == []


@pytest.mark.twin
@_few
@given(networks_=one_after_the_other())
def test_whatever_stood_before_nothing_is_left_to_do_after_the_commands(
    namespace_anew: Callable[[], str], networks_: tuple[Network, Network]
) -> None:
    before, desired = networks_
    namespace = namespace_anew()
    iproute.batch(namespace, _PLUG)
    iproute.batch(namespace, commands(observe(namespace), before))
    iproute.batch(namespace, commands(observe(namespace), desired))
    assert commands(observe(namespace), desired) == []


@pytest.mark.twin
@pytest.mark.parametrize(
    "by_hand",
    [
        "link set eth1 down",
        "link set br-lan down",
        "link set eth0 nomaster",
        "link del br-lan",
        "address flush dev eth1",
        "route del default",
        "route flush proto static",
        "neighbor flush nud permanent",
        "route replace default via 172.31.0.9 proto static",
        "neighbor replace 172.31.0.1 lladdr 02:00:00:00:00:99 dev eth1 nud permanent",
    ],
)
def test_whatever_somebody_changes_by_hand_is_noticed_and_mended(
    namespace: str, by_hand: str
) -> None:
    iproute.batch(namespace, _PLUG)
    iproute.batch(namespace, commands(observe(namespace), ROUTER))
    assert commands(observe(namespace), ROUTER) == []
    iproute.batch(namespace, [by_hand])
    assert commands(observe(namespace), ROUTER) != []
    iproute.batch(namespace, commands(observe(namespace), ROUTER))
    assert commands(observe(namespace), ROUTER) == []


@pytest.mark.twin
def test_a_bridge_that_gets_a_port_keeps_its_neighbors(namespace: str) -> None:
    neighbor = Neighbor("br-lan", IPv4Address("10.1.1.9"), "02:00:00:00:00:09")
    with_a_neighbor = replace(ROUTER, neighbors=ROUTER.neighbors | {neighbor})
    iproute.batch(
        namespace,
        [
            *_PLUG,
            "link add br-lan type bridge",
            "link set br-lan up",
            "neighbor add 10.1.1.9 lladdr 02:00:00:00:00:09 dev br-lan nud permanent",
        ],
    )
    iproute.batch(namespace, commands(observe(namespace), with_a_neighbor))
    assert commands(observe(namespace), with_a_neighbor) == []


@pytest.mark.twin
def test_routes_and_neighbors_of_others_are_neither_seen_nor_touched(namespace: str) -> None:
    iproute.batch(
        namespace,
        [
            *_PLUG,
            "link set eth0 up",
            "address add 10.0.0.1/24 dev eth0",
            "route add 10.9.0.0/16 via 10.0.0.2 proto bird",
            "neighbor add 10.0.0.3 lladdr 02:00:00:00:00:03 dev eth0 nud reachable",
        ],
    )
    observed = observe(namespace)
    assert observed.network.routes == frozenset()
    assert observed.network.neighbors == frozenset()
    assert {"lo", "eth0", "p-eth0"} <= observed.devices
