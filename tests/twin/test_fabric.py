"""Whole twins in IPv6, beside IPv4 and alone: real kernels, BIRD, GoBGP and keepalived."""

import re
import socket
import subprocess
from contextlib import ExitStack

import pytest

from config.families import Family, family_of, of
from config.load import load
from config.machines import PEERING_NETWORK, SECOND_PEERING_NETWORK
from config.machines import Router as PlannedRouter
from config.plan import Plan, make_plan
from config.pods import pod_address
from config.routes import of_router
from render import bird
from tests.config.strategies import second_peering
from tests.security.standing import eventually
from tests.twin.ages import Ages, ages, went_on
from tests.twin.fabric import Fabric
from twin import birdc, daemons, gobgpd, iproute, namespaces
from twin.network import observe
from twin.place import Place
from twin.router import Router, control_socket
from twin.segment import BRIDGE
from twin.twin import WAN_HOST
from verify import reach
from verify.metrics import url
from verify.model import Check
from verify.probes import scrape, table
from verify.report import Report
from verify.twin_stack import TwinStack
from verify.waiting import wait

pytestmark = [
    pytest.mark.twin,
    pytest.mark.timeout(180),
    pytest.mark.filterwarnings("ignore:subprocess .* is still running:ResourceWarning"),
]

_IPV6 = socket.AF_INET6
_LIMIT_SECONDS = 60

DUAL = ["ipv4", "ipv6"]


def planned(**fabric: object) -> Plan:
    return make_plan(load(fabric))


@pytest.fixture
def fabric(stack: str) -> Fabric:
    return Fabric(stack)


def verified(fabric: Fabric, plan: Plan) -> Report:
    """Everything as it is against the plan."""
    return TwinStack(fabric.stack, plan).report()


def converged(fabric: Fabric, plan: Plan) -> list[str]:
    """Build the plan, wait for it, and say what is not as it should be."""
    fabric.build(plan)
    return [*settled(fabric, plan), *drift_of(fabric)]


def settled(fabric: Fabric, plan: Plan) -> list[str]:
    """Wait for the plan, and say what is not as it should be."""
    wait(TwinStack(fabric.stack, plan), _LIMIT_SECONDS)
    return [str(finding) for finding in verified(fabric, plan).findings]


def drift_of(fabric: Fabric) -> list[str]:
    """What is not as the files say, of any machine."""
    return [f"{name}: {found}" for name, m in fabric.machines.items() for found in m.drift()]


@pytest.mark.parametrize(
    "plan",
    [
        planned(datacentres=2, families=DUAL),
        planned(
            datacentres=[{"nodes": 1}, {"nodes": 1}],
            families=["ipv6"],
            load_balancing={"pools": "per-datacentre", "demo": [{"datacentre": "dc2"}]},
        ),
        planned(
            datacentres=[{"routers": 2}, {"nodes": 1}],
            families=["ipv6", "ipv4"],
            load_balancing={"demo": [{"external_traffic_policy": "Local"}]},
        ),
        planned(datacentres=3, families=DUAL, full_mesh_limit=2, load_balancing={"demo": True}),
        planned(
            datacentres=[{"nodes": 1, "ipv6_lan": "fd00:7::/80"}, {"nodes": 1}],
            families=["ipv6"],
            asns={"routers": "per-datacentre", "cluster": "per-datacentre"},
            load_balancing={"demo": True, "ipv6": {"aggregation_length": 120}},
        ),
    ],
    ids=["dual stack", "ipv6 alone", "shared gateway", "reflectors", "an as for each"],
)
def test_every_shape_of_fabric_routes_as_planned_in_its_families(
    fabric: Fabric, plan: Plan
) -> None:
    assert converged(fabric, plan) == []


def test_pods_are_counted_in_each_family(fabric: Fabric) -> None:
    plan = planned(datacentres=[{"nodes": 1}, {"nodes": 1}], families=DUAL)
    assert converged(fabric, plan) == []
    checked = verified(fabric, plan).checked
    assert checked["dc2-worker1"] == {"routes": 8, "sessions": 2, "pods": 2, "source": 2, "wan": 2}


@pytest.mark.parametrize("families", [DUAL, ["ipv6"]])
def test_metrics_are_read_by_the_primary_family_and_tell_of_each(
    fabric: Fabric, families: list[str]
) -> None:
    datacentres = [{"nodes": 1}, {"nodes": 1}]
    watched = {"routers": True}
    plan = planned(
        datacentres=datacentres,
        families=families,
        observability=watched,
        load_balancing={"demo": True},
    )
    assert converged(fabric, plan) == []
    router = plan.routers[0]
    text = scrape(Place(fabric.stack, plan.nodes[0].name), url(router))
    present = re.findall(r'^underlay_planned_route_present\{prefix="(.*)"\} (\d)$', text, re.M)
    assert {prefix for prefix, _ in present} == {
        str(network) for network in of_router(plan, plan.sites[0])
    }
    assert {value for _, value in present} == {"1"}
    assert set(re.findall(r'proto="BGP",ip_version="(\d)"', text)) == {
        str(family.version) for family in plan.families
    }


EGRESS = {Family.IPV4: "10.113.0.1", Family.IPV6: "fd75:6e64:6572:71::1"}


@pytest.mark.parametrize("families", [DUAL, ["ipv6", "ipv4"]])
def test_selected_pods_leave_by_their_gateway_in_each_family_and_all_others_as_before(
    fabric: Fabric, families: list[str]
) -> None:
    datacentres = [{"nodes": 3}, {"nodes": 1, "routers": 2}]
    services = {"demo": True, "selector": {"exposed": "yes"}}
    shape = {"datacentres": datacentres, "families": families, "load_balancing": services}
    plan = planned(**shape, egress_gateway={})
    assert converged(fabric, plan) == []
    own_router = plan.routers[0].wan
    for gateway in plan.wan_gateways:
        family, outside = family_of(gateway), str(gateway.ip)
        for node in ("dc1-controlplane1", "dc1-worker1", "dc1-worker2"):
            selected, other = f"{node}-pod2", f"{node}-pod1"
            assert seen_as(fabric, selected, WAN_HOST, outside) == EGRESS[family]
            assert seen_as(fabric, other, WAN_HOST, outside) == str(own_router.ip(family))
        # Inside, nobody sees an egress address: no pod, no node.
        own = str(pod_address(of(family, plan.nodes[2].pod_cidrs), 2))
        elsewhere = plan.nodes[3]
        pod = str(pod_address(of(family, elsewhere.pod_cidrs), 1))
        assert seen_as(fabric, "dc1-worker2-pod2", f"{elsewhere.name}-pod1", pod) == own
        its_node = str(elsewhere.lan.ip(family))
        assert seen_as(fabric, "dc1-worker2-pod2", elsewhere.name, its_node) == own


def test_gateways_to_destinations_of_ipv6_alone_leave_ipv4_as_it_is(fabric: Fabric) -> None:
    egress = {"destinations": ["::/0"]}
    plan = planned(datacentres=[{"nodes": 2}], families=DUAL, egress_gateway=egress)
    assert converged(fabric, plan) == []
    router, selected = plan.routers[0].wan, "dc1-controlplane1-pod2"
    ipv4, ipv6 = (str(gateway.ip) for gateway in plan.wan_gateways)
    assert seen_as(fabric, selected, WAN_HOST, ipv4) == str(router.ip(Family.IPV4))
    assert seen_as(fabric, selected, WAN_HOST, ipv6) == EGRESS[Family.IPV6]


def test_egress_gateways_of_ipv6_come_move_and_go_and_drop_no_session(fabric: Fabric) -> None:
    shape = {"datacentres": [{"nodes": 3}], "families": DUAL}
    assert converged(fabric, planned(**shape)) == []
    before = session_ages(fabric)
    for node in ("dc1-worker1", "dc1-worker2"):
        egress = {"gateways": {"dc1": {"node": node}}}
        plan = planned(**shape, egress_gateway=egress)
        assert converged(fabric, plan) == []
        outside = str(plan.wan_gateways[1].ip)
        seen = seen_as(fabric, "dc1-controlplane1-pod2", WAN_HOST, outside)
        assert seen == EGRESS[Family.IPV6]
    assert converged(fabric, planned(**shape)) == []
    after = session_ages(fabric)
    assert all(went_on(found, after[name]) for name, found in before.items())


def seen_as(fabric: Fabric, sender: str, receiver: str, address: str) -> str:
    """As whom a machine sees another that connects to it and gets its answer."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with ExitStack() as opened:
        with namespaces.inside(Place(fabric.stack, receiver).namespace):
            listener = opened.enter_context(socket.create_server((address, 0), family=family))
        with namespaces.inside(Place(fabric.stack, sender).namespace):
            client = opened.enter_context(socket.socket(family))
        listener.settimeout(_LIMIT_SECONDS)
        client.settimeout(_LIMIT_SECONDS)
        client.connect(listener.getsockname())
        connection, (seen, *_) = listener.accept()
        opened.enter_context(connection)
        connection.sendall(b"welcome")
        assert client.recv(16) == b"welcome"
    return str(seen)


@pytest.mark.parametrize(
    ("lied_about", "named"),
    [
        ("fd75:6e64:6572:810b::/64", "the pods of dc1-controlplane1"),
        ("fd75:6e64:6572:70::/112", "which nobody may announce"),
        ("fd75:6e64:6572:71::1/128", "the egress address of dc1-controlplane1"),
    ],
    ids=["another's pods", "all vips", "another's egress address"],
)
def test_a_node_that_lies_in_ipv6_is_refused_and_named(
    fabric: Fabric, lied_about: str, named: str
) -> None:
    egress = {"gateways": {"dc1": {"node": "dc1-controlplane1"}}}
    services = {"demo": True}
    plan = planned(datacentres=2, families=DUAL, load_balancing=services, egress_gateway=egress)
    assert converged(fabric, plan) == []
    own = str(plan.nodes[1].lan.ip(Family.IPV6))
    api = f"unix://{gobgpd.api_socket(Place(fabric.stack, 'dc1-worker1'))}"
    lie = ("rib", "add", "-a", "ipv6", lied_about, "nexthop", own)
    subprocess.run(["gobgp", "--target", api, "global", *lie], check=True, timeout=_LIMIT_SECONDS)
    said = f"dc1-router1: dc1-worker1 ({own}) announces {lied_about}, {named}: refused"
    eventually("the lie is named", lambda: said in map(str, verified(fabric, plan).findings))
    routes = [found for found in verified(fabric, plan).findings if found.check is Check.ROUTES]
    assert routes == [], "all others are reached as before"


def test_a_password_that_differs_is_named_of_the_session_of_ipv6_alone(fabric: Fabric) -> None:
    plan = planned(datacentres=2, families=DUAL)
    assert converged(fabric, plan) == []
    place = Place(fabric.stack, "dc1-router1")
    file = place.folder / bird.CONFIGURATION.lstrip("/")
    begin, name = "protocol bgp router_dc2_router1_ipv6", "  password PASSWORD__PEERING;"
    before, found, after = file.read_text().partition(begin)
    file.write_text(before + found + after.replace(name, '  password "another";', 1))
    birdc.ask(control_socket(place), "configure")

    def causes() -> dict[str, list[str]]:
        report = verified(fabric, plan)
        return {
            finding.about: [cause.cause for cause in finding.causes]
            for finding in report.findings
            if finding.check is Check.SESSIONS
        }

    ends = {str(plan.routers[n].peering.ip(Family.IPV6)) for n in (0, 1)}
    found_causes = eventually("the password is named", lambda: _of_passwords(causes()))
    assert found_causes.keys() == ends, "IPv4's session goes on"


def _of_passwords(causes: dict[str, list[str]]) -> dict[str, list[str]]:
    are_named = causes and all("password" in text for found in causes.values() for text in found)
    return causes if are_named else {}


def test_a_datacentre_more_drops_no_session_in_either_family(fabric: Fabric) -> None:
    assert converged(fabric, planned(datacentres=2, families=DUAL)) == []
    before = session_ages(fabric)
    assert sum("_ipv6" in name for found in before.values() for name in found) >= 6
    assert converged(fabric, planned(datacentres=3, families=DUAL)) == []
    after = session_ages(fabric)
    assert all(went_on(found, after[name]) for name, found in before.items())


def test_a_second_family_drops_no_session_of_the_first(fabric: Fabric) -> None:
    services = {"demo": True}
    assert converged(fabric, planned(datacentres=2, load_balancing=services)) == []
    before = session_ages(fabric)
    both = planned(datacentres=2, families=DUAL, load_balancing=services)
    assert converged(fabric, both) == []
    after = session_ages(fabric)
    assert all(went_on(found, after[name]) for name, found in before.items())


def test_families_come_and_go(fabric: Fabric) -> None:
    for families in (DUAL, ["ipv6"], ["ipv4"]):
        shape = {"datacentres": [{"nodes": 1}, {"nodes": 1}], "load_balancing": {"demo": True}}
        assert converged(fabric, planned(**shape, families=families)) == []


def test_datacentres_can_exchange_their_indexes(fabric: Fabric) -> None:
    """And with them their machines' addresses and MACs, which stand in the others' tables."""
    for indexes in ((1, 2), (2, 1), (2, 3)):
        datacentres = [
            {"name": name, "index": index, "nodes": 1}
            for name, index in zip("ab", indexes, strict=True)
        ]
        assert converged(fabric, planned(datacentres=datacentres, families=DUAL)) == []


def test_a_twin_of_ipv4_alone_has_no_address_of_ipv6(fabric: Fabric) -> None:
    fabric.build(planned(datacentres=1))
    for name in ("dc1-router1", "dc1-worker1", "dc1-worker1-pod1", "internet"):
        with namespaces.inside(Place(fabric.stack, name).namespace):
            assert namespaces.read_sysctl("net.ipv6.conf.all.disable_ipv6") == "1"


def test_the_gateway_of_each_family_moves_to_the_other_router_and_back(fabric: Fabric) -> None:
    """And neither BIRD nor anybody who hears it notices."""
    datacentres = [{"routers": 2, "nodes": 1}, {"nodes": 1}]
    plan = planned(datacentres=datacentres, families=DUAL)
    assert converged(fabric, plan) == []
    first, second = plan.sites[0].routers
    eventually("the first has the gateways", lambda: holds_gateways(fabric, plan, first))
    before = session_ages(fabric)
    daemons.end_all(Place(fabric.stack, first.name).folder, "keepalived")
    eventually("the second has the gateways", lambda: holds_gateways(fabric, plan, second))
    assert settled(fabric, plan) == []
    fabric.build(plan)
    eventually("the first has the gateways", lambda: holds_gateways(fabric, plan, first))
    eventually("the second is without", lambda: not holds_gateways(fabric, plan, second))
    assert settled(fabric, plan) == []
    after = session_ages(fabric)
    assert all(went_on(found, after[name]) for name, found in before.items())


def test_a_second_router_drops_no_session_of_the_first_in_either_family(fabric: Fabric) -> None:
    """The gateway's addresses, which were the first's own, are VRRP's from then on."""
    datacentres = [{"nodes": 1}, {"nodes": 1}]
    assert converged(fabric, planned(datacentres=datacentres, families=DUAL)) == []
    before = session_ages(fabric)
    shared = [{"nodes": 1, "routers": 2}, {"nodes": 1}]
    assert converged(fabric, planned(datacentres=shared, families=DUAL)) == []
    after = session_ages(fabric)
    assert all(went_on(found, after[name]) for name, found in before.items())


def test_what_answers_on_the_wan_finds_the_router_by_which_it_was_asked(fabric: Fabric) -> None:
    """In IPv6, who is behind an address is asked by ICMP, which the firewall must let in."""
    plan = planned(datacentres=[{"nodes": 1}], families=["ipv6"])
    assert converged(fabric, plan) == []
    outside = str(plan.wan_gateways[0].ip)
    with ExitStack() as opened:
        with namespaces.inside(Place(fabric.stack, WAN_HOST).namespace):
            server = opened.enter_context(socket.create_server((outside, 80), family=_IPV6))
        with namespaces.inside(Place(fabric.stack, "dc1-controlplane1-pod1").namespace):
            client = opened.enter_context(socket.create_connection((outside, 80), timeout=20))
        server.settimeout(20)
        connection, (source, *_) = server.accept()
        opened.enter_context(connection)
        assert source == str(plan.routers[0].wan.address.ip)
        assert client.getpeername()[0] == outside


def test_a_link_that_was_down_comes_back_with_its_addresses(fabric: Fabric) -> None:
    """The kernel drops those of IPv6 with the link unless it is told otherwise."""
    plan = planned(datacentres=[{"nodes": 1}], families=DUAL)
    assert converged(fabric, plan) == []
    place = Place(fabric.stack, "dc1-controlplane1")
    before = observe(place.namespace).network.addresses
    iproute.batch(place.namespace, ["link set eth0 down", "link set eth0 up"])
    assert observe(place.namespace).network.addresses == before


@pytest.mark.parametrize("families", [DUAL, ["ipv6"]])
def test_a_second_peering_network_is_added_in_place_and_outlives_the_first_in_each_family(
    fabric: Fabric, families: list[str]
) -> None:
    """With reflectors, whose paths by one network are not taken by way of the other."""
    patient = {"enabled": True, "interval_ms": 2000}
    shape = {
        "datacentres": [{"nodes": 1}] * 4,
        "families": families,
        "full_mesh_limit": 2,
        "timers": {"hold_time": 240, "keepalive_time": 80},
    }
    assert converged(fabric, planned(**shape, redundancy={"bfd": patient})) == []
    before = session_ages(fabric)
    plan = planned(**shape, redundancy={"bfd": patient, **second_peering(families)})
    assert converged(fabric, plan) == []
    after = session_ages(fabric)
    assert all(went_on(found, after[name]) for name, found in before.items())
    before = ages_on_the_second(fabric)
    lost = Place(fabric.stack, PEERING_NETWORK).namespace
    iproute.batch(lost, [f"link set {BRIDGE} down"])
    eventually("the second network carries everything", lambda: all_by_the_second(fabric, plan))
    assert list(reach.findings(plan, reach.probe(fabric.stack, plan))) == []
    after = ages_on_the_second(fabric)
    assert all(went_on(found, after[name]) for name, found in before.items())
    iproute.batch(lost, [f"link set {BRIDGE} up"])
    assert settled(fabric, plan) == []


def ages_on_the_second(fabric: Fabric) -> dict[str, Ages]:
    """Those of the sessions on the second network between routers."""
    return {
        name: {session: age for session, age in found.items() if SECOND_PEERING_NETWORK in session}
        for name, found in session_ages(fabric).items()
    }


def all_by_the_second(fabric: Fabric, plan: Plan) -> bool:
    """Whether each router's way to pods elsewhere is by their routers' cards on that network."""
    cards = {r.datacentre: r.second_peering for r in plan.routers}
    return all(
        table(Place(fabric.stack, router.name)).get(str(cidr))
        == frozenset({str(card.ip(family_of(cidr)))})
        for router in plan.routers
        for node in plan.nodes
        if node.datacentre != router.datacentre and (card := cards[node.datacentre])
        for cidr in node.pod_cidrs
    )


def session_ages(fabric: Fabric) -> dict[str, Ages]:
    """How long the sessions of each router have been what they are."""
    return {
        name: {session: age for session, age in ages(socket).items() if "_dc" in session}
        for name, machine in fabric.machines.items()
        if isinstance(machine, Router)
        for socket in [control_socket(machine.place)]
    }


def holds_gateways(fabric: Fabric, plan: Plan, router: PlannedRouter) -> bool:
    """Whether the router holds the gateways of its datacentre, each of them."""
    found = observe(Place(fabric.stack, router.name).namespace).network.addresses
    held = {address.interface.ip for address in found}
    site = next(site for site in plan.sites if router in site.routers)
    return held >= {gateway.ip for gateway in site.gateways}
