"""What a router's BIRD is told, beyond that BIRD understands it."""

import difflib
import re

import pytest
from hypothesis import given, settings

from config.families import Family, family_of, of
from config.machines import Router, Site
from config.plan import Plan
from render.bird import PASSWORDS, bird_conf, secret_files, session_name, unreachable
from tests.render.plans import (
    dual_stack,
    ipv6_only,
    own_as_for_each,
    pairs_of_routers_with_passwords,
    planned,
    plans,
    two_datacentres,
    two_peerings,
    two_peerings_of_each_family,
)
from tests.render.secrets import opened


def router_of(plan: Plan, name: str) -> tuple[Site, Router]:
    return next(
        (site, router) for site in plan.sites for router in site.routers if router.name == name
    )


def conf(plan: Plan, name: str) -> str:
    return bird_conf(plan, *router_of(plan, name))


def block(text: str, opening: str) -> str:
    """The block that the line starting so opens."""
    found = re.search(rf"^{re.escape(opening)}.*?^}}$", text, re.MULTILINE | re.DOTALL)
    assert found, f"no {opening}"
    return found.group()


def sessions(text: str, template: str) -> list[str]:
    return re.findall(rf"^protocol bgp (\w+) from {template} ", text, re.MULTILINE)


def test_routers_of_one_as_speak_ibgp() -> None:
    text = conf(two_datacentres(), "dc1-router1")
    assert sessions(text, "own_as") == ["router_dc2_router1"]
    assert sessions(text, "other_as") == []
    assert "neighbor 172.30.0.3 as OWNAS;" in text


def test_an_as_per_datacentre_makes_ebgp_but_for_the_routers_of_one_datacentre() -> None:
    text = conf(own_as_for_each(), "ams-router1")
    assert sessions(text, "own_as") == ["router_ams_router2"]
    assert sessions(text, "other_as") == ["router_fra_router1", "router_lon_router1"]
    assert "neighbor 172.30.0.3 as 65010;" in text


def test_two_routers_reflect_where_a_full_mesh_would_be_too_much() -> None:
    plan = pairs_of_routers_with_passwords()
    clients = {router.name: conf(plan, router.name).count("rr client;") for router in plan.routers}
    assert {name: count for name, count in clients.items() if count} == {
        "ams-router1": 4,
        "fra-router1": 4,
    }
    assert len(sessions(conf(plan, "lon-router2"), "own_as")) == 2


def test_a_reflector_does_not_tell_a_client_of_the_client_itself() -> None:
    text = conf(pairs_of_routers_with_passwords(), "ams-router1")
    client = block(text, "protocol bgp router_lon_router2")
    assert "neighbor 172.30.0.6 " in client
    assert "bgp_next_hop != 172.30.0.6" in client


def test_bird_dials_the_port_that_cilium_listens_on() -> None:
    text = conf(two_datacentres(), "dc1-router1")
    assert "neighbor 10.1.1.11 port 1179 as 65001;" in text


def test_each_node_may_announce_its_own_pods_and_no_other_nodes() -> None:
    text = conf(two_datacentres(), "dc1-router1")
    accepted = {
        name: re.findall(r"net = ([\d./]+)", block(text, f"protocol bgp {name}"))
        for name in sessions(text, "kubernetes")
    }
    assert accepted == {
        "node_dc1_controlplane1": ["10.129.11.0/24"],
        "node_dc1_worker1": ["10.129.21.0/24"],
    }


def test_nodes_are_told_nothing() -> None:
    text = conf(two_datacentres(), "dc1-router1")
    assert "export none;" in block(text, "template bgp kubernetes")


def test_what_belongs_to_the_fabric_and_is_unknown_ends_at_the_router() -> None:
    plan = own_as_for_each()
    text = block(conf(plan, "fra-router1"), "protocol static supernets")
    assert re.findall(r"route (\S+) unreachable;", text) == [
        "10.130.0.0/16",
        "10.1.0.0/16",
        "10.128.0.0/9",
        "10.96.0.0/12",
        "10.112.0.0/16",
        "10.113.0.0/16",
        "192.168.7.0/24",
    ]


def test_unreachable_ranges_are_announced_to_nobody() -> None:
    for plan in (two_datacentres(), own_as_for_each()):
        for router in plan.routers:
            exports = re.findall(r"filter to_\w+_as \{.*?^}", conf(plan, router.name), re.M | re.S)
            assert exports
            assert not any("RTS_STATIC" in text for text in exports)
            assert all(text.rstrip("}\n").endswith("reject;") for text in exports)


def test_a_router_may_announce_the_ranges_of_its_own_datacentre_and_no_others() -> None:
    text = conf(planned({"datacentres": 3}), "dc1-router1")
    for number in (2, 3):
        session = block(text, f"protocol bgp router_dc{number}_router1")
        own = f"net ~ [ 10.1.{number}.0/24, 10.{128 + number}.0.0/16{{24,24}} ] || net ~ SHARED"
        assert re.findall(r"if (net ~ .*) then accept;", session) == [own]
    assert "FABRIC" not in text


def test_a_router_of_another_as_may_announce_no_more() -> None:
    text = conf(own_as_for_each(), "fra-router1")
    session = block(text, "protocol bgp router_ams_router2")
    assert "(net ~ [ 192.168.7.0/24, 10.129.0.0/16{24,24} ] || net ~ SHARED)" in session
    assert "bgp_path.len <= 2 && bgp_next_hop = from" in session


def test_only_what_is_reflected_may_be_of_others_and_never_of_a_lone_routers_own() -> None:
    refusal, passed = "if net ~ OWNLAN || net ~ OWNNET then reject;", "defined(bgp_originator_id)"
    plan = planned({"datacentres": [{"routers": 2}, {}, {}], "full_mesh_limit": 3})
    client, reflector = conf(plan, "dc3-router1"), conf(plan, "dc2-router1")
    assert passed in block(client, "protocol bgp router_dc1_router1")
    assert refusal in block(client, "protocol bgp router_dc1_router1")
    assert passed not in block(reflector, "protocol bgp router_dc3_router1")
    assert passed in block(reflector, "protocol bgp router_dc1_router1")
    paired = conf(plan, "dc1-router2")
    assert refusal not in block(paired, "protocol bgp router_dc2_router1")


def test_a_further_datacentre_changes_nothing_that_is_there() -> None:
    for limit in (2, 6):
        plans = (planned({"datacentres": n, "full_mesh_limit": limit}) for n in (3, 4))
        before, after = plans
        for router in before.routers:
            old, new = (conf(plan, router.name).splitlines() for plan in (before, after))
            kinds = {line[0] for line in difflib.ndiff(old, new)}
            assert "-" not in kinds


def test_limits_and_what_happens_at_them_are_the_users() -> None:
    limits = {"node_limits": {"imported": 7, "received": 9, "action": "restart"}}
    text = conf(planned({"security": limits}), "dc1-router1")
    assert re.findall(r"(\w+ limit .*);", block(text, "template bgp kubernetes")) == [
        "import limit 7 action restart",
        "receive limit 9 action restart",
    ]
    assert re.findall(r"(\w+ limit .*);", block(text, "template bgp own_as")) == [
        "import limit 50000 action block",
        "receive limit 100000 action block",
    ]


@pytest.mark.parametrize(("on", "count"), [(True, 1), (False, 0)])
def test_routers_hear_each_other_from_one_hop_away_alone(on: bool, count: int) -> None:
    for asn, template in ((65000, "own_as"), ("per-datacentre", "other_as")):
        plan = planned({"asns": {"routers": asn}, "security": {"ttl_security": on}})
        text = conf(plan, "dc1-router1")
        assert block(text, f"template bgp {template}").count("ttl security on;") == count
        assert "ttl" not in block(text, "template bgp kubernetes"), "Cilium cannot"


@pytest.mark.parametrize("template", ["own_as", "kubernetes"])
def test_the_first_answer_of_a_neighbor_is_waited_for_no_longer_than_any_other(
    template: str,
) -> None:
    """Where `ttl_security` changes, one end may not even hear that the other has hung up."""
    plan = planned({"timers": {"hold_time": 30}})
    told = block(conf(plan, "dc1-router1"), f"template bgp {template}")
    assert re.findall(r"^  (.*hold time .*);$", told, re.MULTILINE) == [
        "hold time 30",
        "startup hold time 30",
    ]


@given(plan=plans())
@settings(max_examples=25, deadline=None)
def test_no_password_stands_in_bird_conf(plan: Plan) -> None:
    for router in plan.routers:
        text = conf(plan, router.name)
        used = {session.password for session in plan.sessions[router.name] if session.password}
        secret = "".join(map(opened, secret_files(plan, router).values()))
        defined = re.findall(r"^define (\w+) = ", secret, re.MULTILINE)
        asked = set(re.findall(r"^  password (.*);$", text, re.MULTILINE))
        assert len(defined) == len(used)
        assert asked == set(defined)
        assert (f'include "{PASSWORDS.rpartition("/")[2]}";' in text) == bool(used)


@given(plan=plans())
@settings(max_examples=25, deadline=None)
def test_no_two_sessions_have_the_same_name(plan: Plan) -> None:
    for router in plan.routers:
        names = re.findall(r"^protocol bgp (\w+)", conf(plan, router.name), re.MULTILINE)
        assert len(names) == len(set(names)) == len(plan.sessions[router.name])


def test_a_router_without_passwords_has_no_file_of_them() -> None:
    plan = planned({"security": {"generate_passwords": False}})
    assert all(secret_files(plan, router) == {} for router in plan.routers)


@pytest.mark.parametrize(("seconds", "wait"), [(120, 30), (5, 5)])
def test_a_restarted_router_waits_no_longer_than_its_neighbors_keep_its_routes(
    seconds: int, wait: int
) -> None:
    plan = planned({"timers": {"graceful_restart_time": seconds}})
    assert f"graceful restart wait {wait};" in conf(plan, "dc1-router1")


def test_a_lan_of_its_own_is_unreachable_where_its_routers_are_not_heard() -> None:
    plan = own_as_for_each()
    lan, (ranges,) = plan.sites[0].lan, plan.ranges
    assert not lan.overlaps(ranges.lans)
    assert all(lan in unreachable(plan, site, ranges) for site in plan.sites)


def test_a_session_has_one_channel_and_it_is_of_its_own_family() -> None:
    for plan in (dual_stack(), ipv6_only()):
        for router in plan.routers:
            text = conf(plan, router.name)
            for session in plan.sessions[router.name]:
                own = block(text, f"protocol bgp {session_name(session)} ")
                (template,) = re.findall(r" from (\w+) \{", own)
                whole = own + block(text, f"template bgp {template} ")
                assert set(re.findall(r"^  (ipv[46]) \{", whole, re.MULTILINE)) == {session.family}
                assert f"  neighbor {session.neighbor} " in own


def test_sessions_of_both_families_have_names_of_their_own() -> None:
    for router in dual_stack().routers:
        names = [session_name(session) for session in dual_stack().sessions[router.name]]
        assert len(set(names)) == len(names)


@given(plan=plans())
@settings(max_examples=15, deadline=None)
def test_a_node_may_announce_its_own_pods_in_each_family(plan: Plan) -> None:
    for site in plan.sites:
        for router in site.routers:
            text = conf(plan, router.name)
            for session in plan.sessions[router.name]:
                for node in site.nodes:
                    if node.name == session.neighbor_name:
                        own = block(text, f"protocol bgp {session_name(session)} ")
                        assert f"(net = {of(session.family, node.pod_cidrs)}" in own
                        others = [c for c in node.pod_cidrs if family_of(c) is not session.family]
                        assert not any(str(other) in own for other in others)


def test_what_is_unknown_ends_at_the_router_in_each_family() -> None:
    for plan in (dual_stack(), ipv6_only()):
        for ranges in plan.ranges:
            suffix = "_ipv6" if ranges.family is Family.IPV6 else ""
            text = conf(plan, "dc1-router1")
            supernets = block(text, f"protocol static supernets{suffix} ")
            for network in (ranges.pods, ranges.services, ranges.vips, ranges.egress, ranges.lans):
                assert f"  route {network} unreachable;" in supernets


def test_a_router_without_ipv4_is_known_by_its_planned_identifier() -> None:
    plan = ipv6_only()
    for router in plan.routers:
        assert f"router id {router.router_id};" in conf(plan, router.name)
        assert "OWNIP " not in conf(plan, router.name)


def session_block(text: str, name: str) -> str:
    (block,) = re.findall(rf"^protocol bgp {name} .*?^}}", text, re.MULTILINE | re.DOTALL)
    return str(block)


def test_bfd_resets_sessions_with_routers_that_another_stands_in_for() -> None:
    plan = two_peerings()
    text = conf(plan, "dc2-router1")
    for name in ("router_dc1_router1", "router_dc1_router2", "router_dc1_router2_peering2"):
        assert "  bfd on;" in session_block(text, name)
    assert "long lived graceful restart" not in conf(plan, "dc1-router1")


def test_the_only_router_of_a_datacentre_keeps_its_routes_when_bfd_loses_it() -> None:
    plan = two_peerings()
    assert "  bfd graceful;" in session_block(conf(plan, "dc1-router1"), "router_dc2_router1")
    text = conf(plan, "dc2-router1")
    assert "graceful restart time 0;" in text
    assert "long lived stale time 30;" in text


def test_bfd_is_spoken_on_the_peering_networks_alone_and_with_routers_alone() -> None:
    text = conf(two_peerings(), "dc1-router1")
    assert 'interface "eth2", "eth3" {\n    interval 200 ms;\n    multiplier 5;' in text
    assert "bfd" not in session_block(text, "node_dc1_controlplane1")
    assert "bfd" not in conf(two_datacentres(), "dc1-router1")


def test_what_is_heard_on_one_network_is_not_taken_by_way_of_the_other() -> None:
    refusal = "if (from ~ SECOND_PEERING) != (bgp_next_hop ~ SECOND_PEERING) then reject;"
    fabric = {"redundancy": {"second_peering": "172.29.0.0/22"}, "full_mesh_limit": 2}
    text = conf(planned({"datacentres": 3, **fabric}), "dc3-router1")
    for name in ("router_dc1_router1", "router_dc1_router1_peering2"):
        session = block(text, f"protocol bgp {name} ")
        assert refusal in session, "of what is reflected"
        assert "bgp_next_hop != from then reject;" in session, "of what is its own"
    assert "SECOND_PEERING" not in conf(two_datacentres(), "dc1-router1")


def test_what_is_heard_on_one_network_goes_by_it_in_each_family() -> None:
    text = conf(two_peerings_of_each_family(), "dc3-router1")
    assert "define SECOND_PEERING = 172.29.0.0/22;" in text
    assert "define SECOND_PEERING_IPV6 = fd75:6e64:6572:1d::/64;" in text
    for network in ("", "_peering2"):
        for family, name in (("", "SECOND_PEERING"), ("_ipv6", "SECOND_PEERING_IPV6")):
            session = block(text, f"protocol bgp router_dc1_router1{network}{family} ")
            assert f"if (from ~ {name}) != (bgp_next_hop ~ {name}) then reject;" in session
            assert "bfd graceful;" in session or "bfd on;" in session
