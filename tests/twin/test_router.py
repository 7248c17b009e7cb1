"""A router booted from the files that OpenWrt gets: what it makes of them, and that it stays."""

import time
from collections.abc import Callable
from dataclasses import replace
from ipaddress import IPv4Address, IPv4Interface, IPv4Network

import pytest

from config.families import Address as IpAddress
from config.load import load
from config.machines import Nic as PlannedNic
from config.plan import Plan, make_plan
from render.artifacts import render
from tests.render.secrets import secret_files
from tests.twin.ages import ages, went_on
from twin import birdc, daemons, iproute, namespaces
from twin.machine import Nic, run_nft
from twin.network import Address, Bridge, Neighbor, Route, observe
from twin.place import Place
from twin.router import BIRD_FILE, KEEPALIVED_FILE, NETWORK_FILE, RefusedError, Router
from twin.segment import Segment

daemons_are_left_running = pytest.mark.filterwarnings(
    "ignore:subprocess .* is still running:ResourceWarning"
)

DEFAULT = make_plan(load({"datacentres": 2}))
SHARED = make_plan(load({"datacentres": [{"routers": 2}]}))
UNSIGNED = make_plan(load({"datacentres": 2, "security": {"generate_passwords": False}}))

_NODE = IPv4Address("10.1.1.21"), "02:20:00:01:15:00"


def described(plan: Plan, stack: str) -> Router:
    """The first router of a plan, with a neighbor on its LAN."""
    planned = plan.routers[0]
    artifacts = render(plan).routers[planned.name]
    known: dict[PlannedNic, dict[IpAddress, str]] = {planned.lan: dict([_NODE])}
    return Router(
        place=Place(stack, planned.name),
        nics=tuple(
            Nic(Place(stack, nic.network).namespace, nic.mac, known.get(nic, {}))
            for nic in planned.nics
        ),
        files=artifacts.files,
        secret_files=secret_files(artifacts),
    )


def test_the_network_file_is_read_as_netifd_reads_it() -> None:
    network = described(DEFAULT, "s").network()
    assert network.up == {"lo", "eth0", "eth1", "eth2", "br-lan"}
    assert network.bridges == {Bridge("br-lan", frozenset({"eth0"}))}
    assert network.addresses == {
        Address("br-lan", IPv4Interface("10.1.1.2/24")),
        Address("br-lan", IPv4Interface("10.1.1.1/24")),
        Address("eth1", IPv4Interface("172.31.0.10/22")),
        Address("eth2", IPv4Interface("172.30.0.1/22")),
    }
    assert network.routes == {Route(IPv4Network("0.0.0.0/0"), gateway=IPv4Address("172.31.0.1"))}
    assert network.neighbors == {Neighbor("br-lan", *_NODE)}


def test_a_gateway_that_routers_share_is_none_of_its_addresses() -> None:
    on_lan = {a.interface for a in described(SHARED, "s").network().addresses}
    assert IPv4Interface("10.1.1.2/24") in on_lan
    assert IPv4Interface("10.1.1.1/24") not in on_lan


def test_the_firewalls_zones_have_the_devices_of_the_network_file() -> None:
    rules = described(DEFAULT, "s").rules()
    assert 'iifname { "br-lan" } oifname { "eth2" } accept' in rules
    spared = "ip saddr != { 10.112.0.0/16 }"
    assert f'oifname {{ "eth1" }} meta nfproto ipv4 {spared} masquerade' in rules


def test_the_kernel_is_told_to_forward() -> None:
    sysctls = described(DEFAULT, "s").sysctls()
    assert sysctls["net.ipv4.ip_forward"] == "1"
    assert all(name.startswith("net.") for name in sysctls)


@pytest.fixture
def boot(stack: str) -> Callable[[Plan], Router]:
    """Boot the first router of a plan on segments of its own."""

    def build(plan: Plan) -> Router:
        for network in {nic.network for nic in plan.routers[0].nics}:
            Segment(Place(stack, network)).build("me")
        router = described(plan, stack)
        router.build("me")
        return router

    return build


def bird_of(router: Router) -> int:
    (process,) = daemons.running_in(router.place.folder, "bird")
    return process


@pytest.mark.twin
@pytest.mark.parametrize("plan", [UNSIGNED, DEFAULT], ids=["plain", "signed"])
def test_a_router_that_was_booted_is_as_its_files_say(
    boot: Callable[[Plan], Router], plan: Plan
) -> None:
    router = boot(plan)
    assert router.drift() == []
    assert set(birdc.sessions(router.control_socket)) == {
        str(session.neighbor) for session in plan.sessions["dc1-router1"]
    }


@pytest.mark.twin
def test_building_a_router_again_restarts_nothing(boot: Callable[[Plan], Router]) -> None:
    router = boot(DEFAULT)
    process, before = bird_of(router), ages(router.control_socket)
    router.build("me", router)
    router.build("me")
    assert bird_of(router) == process
    assert went_on(before, ages(router.control_socket))
    assert router.drift() == []


@pytest.mark.twin
def test_passwords_are_in_a_file_that_only_the_owner_reads(
    boot: Callable[[Plan], Router],
) -> None:
    router = boot(DEFAULT)
    holding = [
        path
        for path in router.place.folder.rglob("*")
        if path.is_file() and b"hush" in path.read_bytes()
    ]
    assert [(path.name, path.stat().st_mode & 0o777) for path in holding] == [
        ("bird-passwords.conf", 0o600)
    ]


def by_ip(*commands: str) -> Callable[[Router], None]:
    return lambda router: iproute.batch(router.place.namespace, commands)


def _flush_rules(router: Router) -> None:
    run_nft(router.place, ["flush", "ruleset"])


def _edit_bird(router: Router) -> None:
    (router.place.folder / BIRD_FILE.lstrip("/")).write_text("# mine now\n")


def _kill_bird(router: Router) -> None:
    daemons.stop([bird_of(router)])


def _stop_forwarding(router: Router) -> None:
    with namespaces.inside(router.place.namespace):
        namespaces.write_sysctl("net.ipv4.ip_forward", "0")


BY_HAND: list[tuple[Callable[[Router], None], str]] = [
    (by_ip("link del eth2"), "eth2 unplugged"),
    (by_ip("link del eth0"), "eth0 unplugged"),
    (by_ip("link set eth1 down"), "needs: link set eth1 up"),
    (by_ip("link set eth0 nomaster"), "needs: link set eth0 master br-lan"),
    (by_ip("address del 10.1.1.1/24 dev br-lan"), "needs: address add 10.1.1.1/24 dev br-lan"),
    (by_ip("route del default"), "needs: route add 0.0.0.0/0 via 172.31.0.1 proto static"),
    (_stop_forwarding, "sysctl net.ipv4.ip_forward"),
    (_flush_rules, "firewall changed"),
    (_edit_bird, "/etc/bird.conf changed"),
    (_kill_bird, "bird is not running"),
]


@pytest.mark.twin
@pytest.mark.parametrize(("change", "said"), BY_HAND, ids=[said for _, said in BY_HAND])
def test_what_was_changed_by_hand_is_said_and_mended(
    boot: Callable[[Plan], Router], change: Callable[[Router], None], said: str
) -> None:
    router = boot(DEFAULT)
    change(router)
    assert said in router.drift()
    router.build("me", router)
    assert router.drift() == []


@pytest.mark.twin
def test_a_further_datacentre_is_loaded_into_the_running_bird(
    boot: Callable[[Plan], Router],
) -> None:
    router = boot(DEFAULT)
    process, before = bird_of(router), ages(router.control_socket)
    grown = described(make_plan(load({"datacentres": 3})), router.place.stack)
    grown.build("me", router)
    assert bird_of(grown) == process
    assert went_on(before, ages(grown.control_socket))
    assert "172.30.0.5" in birdc.sessions(grown.control_socket)
    assert grown.drift() == []


@pytest.mark.twin
def test_a_changed_configuration_that_bird_refuses_leaves_the_old_one_at_work(
    boot: Callable[[Plan], Router],
) -> None:
    router = boot(DEFAULT)
    process, before = bird_of(router), ages(router.control_socket)
    broken = replace(router, files={**router.files, BIRD_FILE: "nonsense;\n"})
    with pytest.raises(RefusedError, match="dc1-router1's new configuration and keeps the old: "):
        broken.build("me", router)
    assert bird_of(router) == process
    assert went_on(before, ages(router.control_socket))
    assert router.drift() == []


@pytest.mark.twin
def test_a_first_configuration_that_bird_refuses_is_said_in_birds_words(
    boot: Callable[[Plan], Router], stack: str
) -> None:
    for network in ("dc1-lan", "wan", "peering"):
        Segment(Place(stack, network)).build("me")
    router = described(DEFAULT, stack)
    broken = replace(router, files={**router.files, BIRD_FILE: "nonsense;\n"})
    with pytest.raises(RefusedError, match=r"BIRD refused dc1-router1's configuration: .*syntax"):
        broken.build("me")
    router.build("me")
    assert router.drift() == [], "and a run with a good one goes on from there"


@pytest.mark.twin
def test_passwords_that_are_no_longer_wanted_are_gone(boot: Callable[[Plan], Router]) -> None:
    router = boot(DEFAULT)
    plain = described(UNSIGNED, router.place.stack)
    plain.build("me", router)
    assert plain.drift() == []
    assert not [path for path in router.place.folder.rglob("*passwords*") if path.is_file()]


@pytest.mark.twin
def test_a_bridge_that_was_deleted_by_hand_is_said_and_mended(
    boot: Callable[[Plan], Router],
) -> None:
    router = boot(DEFAULT)
    iproute.batch(router.place.namespace, ["link del br-lan"])
    assert "needs: link add br-lan type bridge" in router.drift()
    router.build("me", router)
    assert router.drift() == []


GATEWAY = Address("br-lan", IPv4Interface("10.1.1.1/24"))


def holds_the_gateway(router: Router, within_seconds: float = 20) -> bool:
    deadline = time.monotonic() + within_seconds
    while GATEWAY not in observe(router.place.namespace).network.addresses:
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True


@pytest.mark.twin
@daemons_are_left_running
def test_a_router_takes_the_gateway_that_nobody_else_holds(
    boot: Callable[[Plan], Router],
) -> None:
    router = boot(SHARED)
    assert holds_the_gateway(router)
    assert router.drift() == []
    router.build("me", router)
    assert holds_the_gateway(router), "VRRP's address is not ours to remove"


@pytest.mark.twin
@daemons_are_left_running
def test_a_router_that_no_longer_shares_runs_no_keepalived(
    boot: Callable[[Plan], Router],
) -> None:
    router = boot(SHARED)
    while not daemons.running_in(router.place.folder, "keepalived"):
        time.sleep(0.001)  # for an instant a new process has no command line to be found by
    alone = described(DEFAULT, router.place.stack)
    alone.build("me", router)
    assert not daemons.running_in(router.place.folder, "keepalived")
    gone = router.files.keys() - alone.files.keys()
    assert KEEPALIVED_FILE in gone
    assert not [path for path in gone if (router.place.folder / path.lstrip("/")).exists()]


@pytest.mark.twin
@daemons_are_left_running
def test_a_router_that_no_longer_shares_keeps_the_gateway(boot: Callable[[Plan], Router]) -> None:
    router = boot(SHARED)
    assert holds_the_gateway(router)
    alone = described(DEFAULT, router.place.stack)
    alone.build("me", router)
    assert alone.drift() == []


@pytest.mark.twin
@daemons_are_left_running
def test_a_keepalived_that_has_ended_is_said_and_mended(boot: Callable[[Plan], Router]) -> None:
    router = boot(SHARED)
    assert holds_the_gateway(router), "so that it has begun with all its processes"
    daemons.stop(daemons.running_in(router.place.folder, "keepalived"))
    assert router.drift() == ["keepalived is not running"]
    router.build("me", router)
    assert router.drift() == []


@pytest.mark.twin
def test_a_router_can_be_given_another_wan(boot: Callable[[Plan], Router]) -> None:
    router = boot(DEFAULT)
    text = router.files[NETWORK_FILE].replace("172.31.", "172.29.")
    moved = replace(router, files={**router.files, NETWORK_FILE: text})
    moved.build("me", router)
    assert moved.drift() == []


@pytest.mark.twin
def test_a_router_that_is_released_leaves_nothing(boot: Callable[[Plan], Router]) -> None:
    router = boot(DEFAULT)
    router.place.release()
    assert daemons.running_in(router.place.folder) == []
    assert not router.place.folder.exists()
    assert not namespaces.exists(router.place.namespace)


@pytest.mark.twin
@daemons_are_left_running
def test_a_router_speaks_on_its_lan_by_the_address_that_its_file_has_first(
    boot: Callable[[Plan], Router],
) -> None:
    (routes,) = iproute.query(boot(DEFAULT).place.namespace, ["route show 10.1.1.0/24"])
    assert [route["prefsrc"] for route in routes] == ["10.1.1.2"]
