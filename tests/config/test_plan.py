"""Properties of every plan, over fabrics of all shapes."""

import copy
import itertools
from ipaddress import IPv4Address, IPv4Network

from hypothesis import given, settings

from config.load import load
from config.machines import Nic, Node, Router
from config.plan import Plan, given_passwords, make_plan
from config.sessions import PEERING_PASSWORD
from tests.config.strategies import Written, fabrics, growths, spelt_out

many = settings(max_examples=150, deadline=None)


def planned(fabric: Written) -> Plan:
    return make_plan(load(fabric))


def machines(plan: Plan) -> dict[str, Router | Node]:
    everyone: tuple[Router | Node, ...] = (*plan.routers, *plan.nodes)
    return {machine.name: machine for machine in everyone}


def nics(plan: Plan) -> list[Nic]:
    return [nic for router in plan.routers for nic in router.nics] + [n.lan for n in plan.nodes]


@many
@given(growths())
def test_what_is_added_changes_no_machine_that_exists(growth: tuple[Written, Written]) -> None:
    before, after = (machines(planned(fabric)) for fabric in growth)
    assert {name: after.get(name) for name in before} == before


@many
@given(growths())
def test_what_is_added_moves_no_datacentre_that_exists(growth: tuple[Written, Written]) -> None:
    def ranges(plan: Plan) -> dict[str, tuple[object, ...]]:
        return {s.name: (s.index, s.lan, s.gateway, s.pods) for s in plan.sites}

    before, after = (ranges(planned(fabric)) for fabric in growth)
    assert {name: after.get(name) for name in before} == before


@many
@given(spelt_out())
def test_the_order_of_the_list_means_nothing_where_all_is_spelt_out(
    datacentres: list[Written],
) -> None:
    fabric: Written = {"datacentres": datacentres}
    backwards: Written = {"datacentres": datacentres[::-1]}
    assert planned(backwards) == planned(fabric)


def test_going_from_two_datacentres_to_sixty_four_only_adds() -> None:
    before, after = (machines(planned({"datacentres": count})) for count in (2, 64))
    assert before.items() <= after.items()


@many
@given(fabrics())
def test_every_fabric_that_loads_has_a_plan(fabric: Written) -> None:
    settings = load(fabric)
    plan = make_plan(settings)
    assert [site.index for site in plan.sites] == sorted(
        d.index for d in settings.fabric.datacentres
    )
    assert len(plan.routers) == sum(d.routers for d in settings.fabric.datacentres)
    assert len(plan.nodes) == sum(
        d.nodes.controlplanes + d.nodes.workers for d in settings.fabric.datacentres
    )


@many
@given(fabrics())
def test_loading_only_reads(fabric: Written) -> None:
    untouched = copy.deepcopy(fabric)
    load(fabric)
    assert fabric == untouched


@many
@given(fabrics())
def test_settings_written_down_and_loaded_again_are_the_same(fabric: Written) -> None:
    settings = load(fabric)
    assert load(settings.fabric.model_dump(mode="json")) == settings


@many
@given(fabrics())
def test_no_two_machines_share_a_name_an_address_or_a_mac(fabric: Written) -> None:
    plan = planned(fabric)
    addresses = [nic.address.ip for nic in nics(plan)] + [plan.wan_gateway.ip]
    addresses += [site.gateway.ip for site in plan.sites]
    assert len(set(addresses)) == len(addresses)
    macs = [nic.mac for nic in nics(plan)]
    assert len(set(macs)) == len(macs)
    assert len(machines(plan)) == len(plan.routers) + len(plan.nodes)


@many
@given(fabrics())
def test_every_mac_is_a_unicast_one_of_our_own(fabric: Written) -> None:
    for nic in nics(planned(fabric)):
        octets = bytes.fromhex(nic.mac.replace(":", ""))
        assert len(octets) == 6
        assert octets[0] & 0b11 == 0b10, "locally administered, and not multicast"


@many
@given(fabrics())
def test_every_address_is_a_host_of_its_network(fabric: Written) -> None:
    plan = planned(fabric)
    lans = {site.name: site.lan for site in plan.sites}
    for router in plan.routers:
        assert is_host(router.lan, lans[router.datacentre])
        assert is_host(router.wan, plan.wan)
        for nic in router.peerings:
            assert is_host(nic, plan.peerings[nic.network])
        assert router.router_id == router.lan.address.ip
    for node in plan.nodes:
        assert is_host(node.lan, lans[node.datacentre])
        assert node.gateway in lans[node.datacentre]


def is_host(nic: Nic, network: IPv4Network) -> bool:
    ends = (network.network_address, network.broadcast_address)
    return nic.address.network == network and nic.address.ip not in ends


@many
@given(fabrics())
def test_pod_cidrs_are_disjoint_and_within_their_datacentres_supernet(fabric: Written) -> None:
    plan = planned(fabric)
    for site in plan.sites:
        assert site.pods.subnet_of(plan.pods)
        assert all(node.pod_cidr.subnet_of(site.pods) for node in site.nodes)
        assert all(n.pod_cidr.prefixlen == plan.node_pods_prefix_length for n in site.nodes)
    assert disjoint([site.pods for site in plan.sites])
    assert disjoint([node.pod_cidr for node in plan.nodes])


@many
@given(fabrics())
def test_no_network_overlaps_another(fabric: Written) -> None:
    plan = planned(fabric)
    ranges = [plan.pods, plan.services, plan.vips, plan.egress, plan.wan, *plan.peerings.values()]
    assert disjoint([*ranges, *(site.lan for site in plan.sites)])


def disjoint(networks: list[IPv4Network]) -> bool:
    ordered = sorted(networks)
    return not any(one.overlaps(other) for one, other in itertools.pairwise(ordered))


def test_the_number_in_a_name_is_the_number_in_the_address() -> None:
    plan = planned({"datacentres": [{"routers": 2}, {"routers": 2, "nodes": 3}]})
    router, second = plan.sites[1].routers
    assert (router.name, str(router.lan.address)) == ("dc2-router1", "10.1.2.2/24")
    assert (second.name, str(second.lan.address)) == ("dc2-router2", "10.1.2.3/24")
    assert [str(r.peering.address) for r in plan.routers] == [
        f"172.30.0.{slot}/22" for slot in (1, 2, 3, 4)
    ]
    assert [str(r.wan.address) for r in plan.routers] == [
        f"172.31.0.{slot}/22" for slot in (10, 11, 12, 13)
    ]
    assert {node.name: (str(node.lan.address), str(node.pod_cidr)) for node in plan.nodes} == {
        "dc1-controlplane1": ("10.1.1.11/24", "10.129.11.0/24"),
        "dc1-worker1": ("10.1.1.21/24", "10.129.21.0/24"),
        "dc2-worker1": ("10.1.2.21/24", "10.130.21.0/24"),
        "dc2-worker2": ("10.1.2.22/24", "10.130.22.0/24"),
        "dc2-worker3": ("10.1.2.23/24", "10.130.23.0/24"),
    }
    assert {node.gateway for node in plan.sites[1].nodes} == {IPv4Address("10.1.2.1")}
    assert str(plan.wan_gateway) == "172.31.0.1/22"


def test_the_largest_datacentre_that_loads_has_a_plan() -> None:
    fabric: Written = {"datacentres": [{"nodes": {"controlplanes": 5, "workers": 235}}]}
    plan = planned(fabric | {"lan_prefix_length": 16, "lans": "10.0.0.0/10"})
    assert str(plan.nodes[-1].pod_cidr) == "10.129.255.0/24"


def test_a_plan_shows_no_password() -> None:
    settings = load({}, {"peering": "hush-peering", "datacentres": {"dc1": "hush-dc1"}})
    plan = make_plan(settings)
    assert plan.passwords == {PEERING_PASSWORD, "dc1", "dc2"}
    assert given_passwords(settings) == {PEERING_PASSWORD: "hush-peering", "dc1": "hush-dc1"}
    assert "hush" not in repr(plan)
    assert "hush" not in repr(plan.sessions)
