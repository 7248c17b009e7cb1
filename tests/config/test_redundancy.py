"""The settings of redundancy: what they are by default, and what is refused."""

import pytest

from config.load import load
from config.plan import make_plan
from tests.config.refusals import refusals
from tests.config.strategies import second_peering


def test_by_default_bgp_gives_up_a_silent_neighbor_after_nine_seconds_and_there_is_no_bfd() -> None:
    fabric = load().fabric
    assert (fabric.timers.hold_time, fabric.timers.keepalive_time) == (9, 3)
    assert not fabric.redundancy.bfd.enabled
    assert fabric.redundancy.second_peering is None


def test_bfd_that_is_turned_on_detects_within_150_ms() -> None:
    plan = make_plan(load({"redundancy": {"bfd": {"enabled": True}}}))
    assert (plan.bfd.interval_ms, plan.bfd.multiplier, plan.bfd.detection_time_ms) == (50, 3, 150)


@pytest.mark.parametrize(
    ("redundancy", "message"),
    [
        (
            {"bfd": {"interval_ms": 0}},
            "fabric.redundancy.bfd.interval_ms 0 is too small: write 1 or more",
        ),
        (
            {"bfd": {"interval_ms": 0.05}},
            "fabric.redundancy.bfd.interval_ms 0.05 is not a whole number: write a whole number",
        ),
        (
            {"bfd": {"multiplier": 256}},
            "fabric.redundancy.bfd.multiplier 256 is too large: write 255 or less",
        ),
        (
            {"bfd": {"enabled": "perhaps"}},
            "fabric.redundancy.bfd.enabled perhaps is neither true nor false: write true or false",
        ),
        (
            {"bfd": {"intervall_ms": 50}},
            "fabric.redundancy.bfd.intervall_ms is not a setting: did you mean interval_ms?",
        ),
        (
            {"bfd": 50},
            "fabric.redundancy.bfd 50 is not a mapping: write key: value pairs under it",
        ),
        (
            {"second_peering": "172.29.0.1/22"},
            "fabric.redundancy.second_peering 172.29.0.1/22 has bits set behind its prefix length: "
            "write 172.29.0.0/22",
        ),
    ],
)
def test_what_could_never_work_is_refused(redundancy: dict[str, object], message: str) -> None:
    assert refusals({"redundancy": redundancy}) == [message]


def test_a_router_has_the_same_host_number_on_both_peering_networks() -> None:
    plan = make_plan(load({"datacentres": 2, "redundancy": {"second_peering": "172.29.0.0/22"}}))
    router = plan.routers[1]
    assert [(nic.network, str(nic.address), nic.mac) for nic in router.peerings] == [
        ("peering", "172.30.0.3/22", "02:10:00:02:01:02"),
        ("peering2", "172.29.0.3/22", "02:10:00:02:01:03"),
    ]
    assert router.nics[-1] is router.second_peering


def test_routers_speak_on_each_network_and_nodes_on_their_lan() -> None:
    plan = make_plan(load({"datacentres": 2, "redundancy": {"second_peering": "172.29.0.0/22"}}))
    assert [(s.network, str(s.neighbor)) for s in plan.sessions["dc1-router1"]] == [
        ("peering", "172.30.0.3"),
        ("peering2", "172.29.0.3"),
        ("dc1-lan", "10.1.1.11"),
        ("dc1-lan", "10.1.1.21"),
    ]


def test_a_router_has_an_address_and_sessions_on_both_networks_in_each_family() -> None:
    families = ["ipv4", "ipv6"]
    redundancy = second_peering(families)
    plan = make_plan(load({"datacentres": 2, "families": families, "redundancy": redundancy}))
    second = plan.routers[1].second_peering
    assert second is not None
    assert [str(address) for address in second.addresses] == [
        "172.29.0.3/22",
        "fd75:6e64:6572:1d::3/64",
    ]
    between = [s for s in plan.sessions["dc1-router1"] if s.neighbor_name == "dc2-router1"]
    assert [(s.network, str(s.neighbor)) for s in between] == [
        ("peering", "172.30.0.3"),
        ("peering", "fd75:6e64:6572:1e::3"),
        ("peering2", "172.29.0.3"),
        ("peering2", "fd75:6e64:6572:1d::3"),
    ]


def test_without_a_second_network_nothing_about_the_first_is_otherwise() -> None:
    one = make_plan(load({"datacentres": 3}))
    two = make_plan(load({"datacentres": 3, "redundancy": {"second_peering": "172.29.0.0/22"}}))
    for router, same in zip(one.routers, two.routers, strict=True):
        assert router.nics == same.nics[:3]
        kept = [s for s in two.sessions[router.name] if s.network != "peering2"]
        assert list(one.sessions[router.name]) == kept
