"""Who speaks with whom, over fabrics of all shapes."""

from collections import defaultdict

import pytest
from hypothesis import given, settings

from config.families import Address, family_of
from config.load import load
from config.machines import Router
from config.plan import Plan, given_passwords, make_plan
from config.sessions import Session, SessionKind, reflectors
from tests.config.strategies import Written, fabrics, growths

many = settings(max_examples=150, deadline=None)


def planned(fabric: Written, passwords: Written | None = None) -> Plan:
    return make_plan(load(fabric, passwords))


def between_routers(plan: Plan) -> dict[str, set[str]]:
    """The neighbors of each router that are routers."""
    return {
        router.name: {s.neighbor_name for s in sessions_with_routers(plan, router)}
        for router in plan.routers
    }


def sessions_with_routers(plan: Plan, router: Router) -> list[Session]:
    found = plan.sessions.get(router.name, ())
    return [session for session in found if session.neighbor_kind is SessionKind.ROUTER]


@many
@given(fabrics())
def test_both_ends_of_a_session_agree(fabric: Written) -> None:
    plan = planned(fabric)
    ends = {
        (name, session.neighbor_name, session.network, session.family): session
        for name, found in plan.sessions.items()
        for session in found
    }
    assert len(ends) == sum(len(found) for found in plan.sessions.values()), (
        "one for each pair, network and family"
    )
    for (name, neighbor, network, family), near in ends.items():
        far = ends[neighbor, name, network, family]
        assert family_of(near.local_address) is family
        assert (near.local_address, near.local_asn) == (far.neighbor, far.neighbor_asn)
        assert near.password == far.password
        assert not (near.neighbor_is_client and far.neighbor_is_client)


@many
@given(fabrics())
def test_each_end_speaks_from_an_address_and_an_as_of_its_own(fabric: Written) -> None:
    plan = planned(fabric)
    own: defaultdict[str, set[Address]] = defaultdict(set)
    asns: dict[str, int] = {}
    for router in plan.routers:
        own[router.name] |= {own.ip for nic in router.nics for own in nic.addresses}
        asns[router.name] = router.asn
    for node in plan.nodes:
        own[node.name] |= {address.ip for address in node.lan.addresses}
        asns[node.name] = node.asn
    for name, found in plan.sessions.items():
        for session in found:
            assert session.local_address in own[name]
            assert session.neighbor in own[session.neighbor_name]
            assert (session.local_asn, session.neighbor_asn) == (
                asns[name],
                asns[session.neighbor_name],
            )


@many
@given(fabrics())
def test_a_node_peers_with_every_router_of_its_datacentre_and_with_nobody_else(
    fabric: Written,
) -> None:
    plan = planned(fabric)
    for site in plan.sites:
        for node in site.nodes:
            peers = [(peer.neighbor_name, peer.family) for peer in plan.sessions[node.name]]
            assert peers == [(r.name, family) for r in site.routers for family in plan.families]
            assert not any(session.is_internal for session in plan.sessions[node.name])


@many
@given(fabrics())
def test_every_router_reaches_every_other_by_one_reflector_at_most(fabric: Written) -> None:
    plan = planned(fabric)
    neighbors = between_routers(plan)
    routers = {router.name: router for router in plan.routers}
    for name in routers:
        for other in routers.keys() - {name}:
            if other not in neighbors[name]:
                assert routers[name].asn == routers[other].asn, "eBGP has no reflectors"
                via = neighbors[name] & neighbors[other]
                assert any(reflects_for(plan, hub, {name, other}) for hub in via)


def reflects_for(plan: Plan, hub: str, clients: set[str]) -> bool:
    return clients <= {s.neighbor_name for s in plan.sessions[hub] if s.neighbor_is_client}


@many
@given(fabrics())
def test_losing_one_reflector_cuts_nobody_off(fabric: Written) -> None:
    plan = planned(fabric)
    neighbors = between_routers(plan)
    by_asn: defaultdict[int, list[Router]] = defaultdict(list)
    for router in plan.routers:
        by_asn[router.asn].append(router)
    for group in by_asn.values():
        hubs = reflectors(group, int(fabric.get("full_mesh_limit", 6)))
        for router in group:
            if hubs and router.name not in hubs:
                assert neighbors[router.name] >= hubs


@many
@given(fabrics())
def test_reflectors_are_two_and_in_two_datacentres(fabric: Written) -> None:
    plan = planned(fabric)
    limit = int(fabric.get("full_mesh_limit", 6))
    for asn in {router.asn for router in plan.routers}:
        group = {router.name: router for router in plan.routers if router.asn == asn}
        hubs = reflectors(list(group.values()), limit)
        if len(group) <= limit:
            assert not hubs
        else:
            assert len({group[hub].datacentre for hub in hubs}) == 2


@many
@given(growths())
def test_what_is_added_drops_no_session_short_of_the_full_meshs_end(
    growth: tuple[Written, Written],
) -> None:
    before, after = (planned({**fabric, "full_mesh_limit": 100}) for fabric in growth)
    for name, kept in before.sessions.items():
        assert set(kept) <= set(after.sessions[name])


def test_six_routers_are_a_full_mesh_and_seven_have_reflectors() -> None:
    six, seven = (planned({"datacentres": count}) for count in (6, 7))
    assert all(len(found) == 5 for found in between_routers(six).values())
    assert {name: len(found) for name, found in between_routers(seven).items()} == {
        "dc1-router1": 6,
        "dc2-router1": 6,
        **{f"dc{index}-router1": 2 for index in range(3, 8)},
    }


def test_a_datacentre_that_is_added_last_changes_no_reflector() -> None:
    def hubs(count: int) -> frozenset[str]:
        plan = planned({"datacentres": [{"routers": 2} for _ in range(count)]})
        return reflectors(plan.routers, 6)

    assert hubs(3) == frozenset()
    assert hubs(4) == hubs(5) == hubs(40) == {"dc1-router1", "dc2-router1"}


def test_routers_of_different_ases_are_a_full_mesh_whatever_their_number() -> None:
    plan = planned({"datacentres": 9, "asns": {"routers": "per-datacentre"}})
    for router in plan.routers:
        found = sessions_with_routers(plan, router)
        assert len(found) == 8
        assert not any(s.is_internal or s.neighbor_is_client for s in found)


@pytest.mark.parametrize(
    ("passwords", "signed"),
    [
        ({}, set()),
        ({"peering": "a"}, {("dc1-router1", "dc2-router1"), ("dc2-router1", "dc1-router1")}),
        (
            {"datacentres": {"dc2": "b"}},
            {("dc2-router1", "dc2-worker1"), ("dc2-worker1", "dc2-router1")},
        ),
    ],
)
def test_a_password_signs_its_sessions_and_no_others(
    passwords: Written, signed: set[tuple[str, str]]
) -> None:
    security = {"generate_passwords": False}
    plan = planned({"datacentres": [{}, {"nodes": 1}], "security": security}, passwords)
    found = {
        (name, session.neighbor_name)
        for name, sessions in plan.sessions.items()
        for session in sessions
        if session.password
    }
    assert found == signed


def test_a_datacentre_named_peering_has_a_password_of_its_own() -> None:
    fabric: Written = {"datacentres": [{"name": "peering"}, {"name": "ams"}]}
    settings = load(fabric, {"peering": "of-routers", "datacentres": {"peering": "of-nodes"}})
    plan = make_plan(settings)

    def password(name: str, neighbor: str) -> str | None:
        (found,) = (s for s in plan.sessions[name] if s.neighbor_name == neighbor)
        return given_passwords(settings)[found.password] if found.password else None

    assert password("peering-router1", "ams-router1") == "of-routers"
    assert password("peering-router1", "peering-worker1") == "of-nodes"
