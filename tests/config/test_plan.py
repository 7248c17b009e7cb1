"""Properties of every plan, over fabrics of all shapes."""

import copy
import itertools
from collections.abc import Iterable, Sequence
from ipaddress import IPv4Address

from hypothesis import given, settings

from config.families import Address, Family, Interface, Network, family_of, is_within, of
from config.load import load
from config.machines import Nic, Node, Router
from config.plan import Plan, given_passwords, make_plan
from config.sessions import PEERING_PASSWORD
from tests.config.strategies import Written, fabrics, growths, in_families, spelt_out

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
        return {s.name: (s.index, s.lans, s.gateways, s.pod_ranges) for s in plan.sites}

    before, after = (ranges(planned(fabric)) for fabric in growth)
    assert {name: after.get(name) for name in before} == before


@many
@given(spelt_out())
def test_the_order_of_the_list_means_nothing_where_all_is_spelt_out(
    datacentres: list[Written],
) -> None:
    fabric = in_families({"datacentres": datacentres})
    backwards = {"datacentres": fabric["datacentres"][::-1]}
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
    addresses = [address.ip for nic in nics(plan) for address in nic.addresses]
    addresses += [gateway.ip for gateway in plan.wan_gateways]
    addresses += [gateway.ip for site in plan.sites for gateway in site.gateways]
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
    lans = {site.name: site.lans for site in plan.sites}
    for router in plan.routers:
        assert are_hosts(router.lan, lans[router.datacentre])
        assert are_hosts(router.wan, [ranges.wan for ranges in plan.ranges])
        for nic in router.peerings:
            assert are_hosts(nic, plan.peerings[nic.network])
    for node in plan.nodes:
        assert are_hosts(node.lan, lans[node.datacentre])
        for gateway, lan in zip(node.gateways, lans[node.datacentre], strict=True):
            assert gateway in lan


def are_hosts(nic: Nic, networks: Sequence[Network]) -> bool:
    return all(
        address.network == network
        and address.ip not in (network.network_address, network.broadcast_address)
        for address, network in zip(nic.addresses, networks, strict=True)
    )


@many
@given(fabrics())
def test_whatever_there_is_in_each_family_is_in_the_order_of_the_families(fabric: Written) -> None:
    plan = planned(fabric)
    assert list(plan.families) == fabric.get("families", ["ipv4"])
    in_each: list[Sequence[Interface | Network | Address]] = [plan.wan_gateways]
    in_each += plan.peerings.values()
    in_each += [nic.addresses for nic in nics(plan)]
    in_each += [item for site in plan.sites for item in (site.lans, site.gateways, site.pod_ranges)]
    in_each += [item for node in plan.nodes for item in (node.gateways, node.pod_cidrs)]
    in_each += [pool.cidrs for pool in plan.load_balancing.pools]
    for items in in_each:
        assert [family_of(item) for item in items] == list(plan.families)


@many
@given(fabrics())
def test_every_speaker_has_an_identifier_of_its_own(fabric: Written) -> None:
    plan = planned(fabric)
    speakers = machines(plan).values()
    identifiers = {speaker.router_id for speaker in speakers}
    assert len(identifiers) == len(speakers)
    assert IPv4Address(0) not in identifiers
    if Family.IPV4 in plan.families:
        assert identifiers == {speaker.lan.ip(Family.IPV4) for speaker in speakers}


@many
@given(fabrics())
def test_pod_cidrs_are_disjoint_and_within_their_datacentres_supernet(fabric: Written) -> None:
    plan = planned(fabric)
    for ranges in plan.ranges:
        supernets = {site.name: of(ranges.family, site.pod_ranges) for site in plan.sites}
        assert all(is_within(pods, ranges.pods) for pods in supernets.values())
        cidrs = [(node, of(ranges.family, node.pod_cidrs)) for node in plan.nodes]
        assert all(is_within(cidr, supernets[node.datacentre]) for node, cidr in cidrs)
        assert all(cidr.prefixlen == ranges.node_pods_prefix_length for _, cidr in cidrs)
        assert disjoint(supernets.values())
        assert disjoint(cidr for _, cidr in cidrs)


@many
@given(fabrics())
def test_no_network_overlaps_another(fabric: Written) -> None:
    plan = planned(fabric)
    for r in plan.ranges:
        lans = [of(r.family, site.lans) for site in plan.sites]
        between = [
            n for found in plan.peerings.values() for n in found if n.version == r.lans.version
        ]
        assert disjoint([r.pods, r.services, r.vips, r.egress, r.wan, *between, *lans])


def disjoint(networks: Iterable[Network]) -> bool:
    ordered = sorted(networks, key=lambda network: int(network.network_address))
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
    assert [str(gateway) for gateway in plan.wan_gateways] == ["172.31.0.1/22"]


def test_in_ipv6_the_number_in_the_address_is_hexadecimal() -> None:
    plan = planned({"datacentres": [{"routers": 2}, {"routers": 2}], "families": ["ipv6", "ipv4"]})
    second = plan.sites[1]
    prefix = "fd75:6e64:6572"
    assert [str(lan) for lan in second.lans] == [f"{prefix}:102::/64", "10.1.2.0/24"]
    assert str(second.gateway) == f"{prefix}:102::1/64"
    assert str(second.pods) == f"{prefix}:8200::/56"
    (_, router), (_, worker) = second.routers, second.nodes
    assert str(router.lan.address) == f"{prefix}:102::3/64"
    assert str(router.peering.address) == f"{prefix}:1e::4/64"
    assert str(router.wan.address) == f"{prefix}:1f::d/64"
    assert (str(worker.lan.address), str(worker.pod_cidr)) == (
        f"{prefix}:102::16/64",
        f"{prefix}:8216::/64",
    )
    assert str(plan.wan_gateways[0]) == f"{prefix}:1f::1/64"


def test_without_ipv4_an_identifier_is_made_of_the_indexes() -> None:
    ranges = {"pods": "fd00:2::/47", "lans": "fd00:8::/48", "node_pods_prefix_length": 63}
    datacentres = [{"index": 200, "routers": 2}]
    plan = planned({"datacentres": datacentres, "families": ["ipv6"], "ipv6": ranges})
    assert [str(router.router_id) for router in plan.routers] == ["10.0.200.2", "10.0.200.3"]
    assert [str(node.router_id) for node in plan.nodes] == ["10.0.200.11", "10.0.200.21"]


@many
@given(fabrics().filter(lambda fabric: "families" not in fabric))
def test_a_second_family_changes_nothing_of_the_first(fabric: Written) -> None:
    both = in_families({**fabric, "families": ["ipv4", "ipv6"]})
    single, dual = planned(in_families({**both, "families": ["ipv4"]})), planned(both)
    assert [nic.address for nic in nics(dual)] == [nic.address for nic in nics(single)]
    for site, same in zip(dual.sites, single.sites, strict=True):
        assert (site.lan, site.gateway, site.pods) == (same.lan, same.gateway, same.pods)
    for name, sessions in single.sessions.items():
        assert [s for s in dual.sessions[name] if s.family is Family.IPV4] == list(sessions)


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
