"""The routers' metrics against BIRD's own word."""

from ipaddress import IPv4Address

import pytest

from config.load import load
from config.plan import make_plan
from twin.birdc import BfdSession
from verify import metrics

_A, _B = IPv4Address("10.1.1.21"), IPv4Address("172.30.0.3")
WANTED = [(_A, "node_dc1_worker1"), (_B, "router_dc2_router1")]
STATES = {str(_A): "Established", str(_B): "Active"}
TOLD = {"node_dc1_worker1": True, "router_dc2_router1": False}


def said(told: dict[str, bool], states: dict[str, str]) -> list[str]:
    return list(metrics.disagreements(told, states, WANTED))


def test_where_both_say_the_same_there_is_nothing_to_say() -> None:
    assert said(TOLD, STATES) == []


@pytest.mark.parametrize(
    ("told", "states", "finding"),
    [
        (
            {"node_dc1_worker1": False},
            {},
            "by the metrics node_dc1_worker1 is down, by BIRD it is Established",
        ),
        (
            {"router_dc2_router1": True},
            {},
            "by the metrics router_dc2_router1 is up, by BIRD it is Active",
        ),
        (
            {},
            {str(_A): "Connect"},
            "by the metrics node_dc1_worker1 is up, by BIRD it is Connect",
        ),
    ],
)
def test_each_session_of_which_they_differ_is_named(
    told: dict[str, bool], states: dict[str, str], finding: str
) -> None:
    assert said(TOLD | told, STATES | states) == [finding]


def test_a_session_of_the_plan_that_the_metrics_do_not_have_is_named() -> None:
    assert said({"node_dc1_worker1": True}, STATES) == [
        "the metrics have no session router_dc2_router1"
    ]


def test_a_bird_that_is_away_has_no_session_up() -> None:
    assert said({}, {}) == [f"the metrics have no session {name}" for _, name in WANTED]


def test_up_and_down_are_read_from_the_lines_of_bgp_alone() -> None:
    rest = 'ip_version="4",import_filter="(unnamed)",export_filter="REJECT"'
    text = "\n".join(
        [
            "# TYPE bird_protocol_up gauge",
            f'bird_protocol_up{{name="a",proto="BGP",{rest},state="Established"}} 1',
            f'bird_protocol_up{{name="b",proto="BGP",{rest},state="Active"}} 0',
            f'bird_protocol_up{{name="lan",proto="Direct",{rest},state=""}} 1',
            f'bird_protocol_uptime{{name="a",proto="BGP",{rest}}} 17',
        ]
    )
    assert metrics.ups(text) == {"a": True, "b": False}


def bfd(states: dict[str, str], told: dict[str, bool]) -> list[str]:
    sessions = {address: BfdSession(state, 50, 150) for address, state in states.items()}
    return list(metrics.bfd_disagreements(told, sessions))


def test_where_metrics_and_bird_differ_about_bfd_it_is_named() -> None:
    states = {"172.30.0.3": "Up", "172.30.0.5": "Down", "172.30.0.7": "Init"}
    agreed = {"172.30.0.3": True, "172.30.0.5": False, "172.30.0.7": False}
    assert bfd(states, agreed) == []
    assert bfd(states, {"172.30.0.3": False, "172.30.0.5": True}) == [
        "by the metrics BFD with 172.30.0.3 is down, by BIRD it is Up",
        "by the metrics BFD with 172.30.0.5 is up, by BIRD it is Down",
        "the metrics have no BFD session with 172.30.0.7",
    ]


def test_bfd_is_read_by_neighbor() -> None:
    text = "\n".join(
        [
            "# TYPE bird_bfd_session_up gauge",
            'bird_bfd_session_up{name="bfd1",ip="172.30.0.3",interface="eth2"} 1',
            'bird_bfd_session_up{name="bfd1",ip="fd00::5",interface="eth2"} 0',
            'bird_bfd_session_uptime_seconds{name="bfd1",ip="172.30.0.7",interface="eth2"} 1',
        ]
    )
    assert metrics.bfd_ups(text) == {"172.30.0.3": True, "fd00::5": False}


def test_where_it_is_off_nothing_is_expected() -> None:
    assert metrics.expected(make_plan(load())) == {}
    plan = make_plan(load({"observability": {"routers": True}}))
    assert metrics.expected(plan)["dc1-router1"] == {
        IPv4Address("10.1.1.11"): "node_dc1_controlplane1",
        IPv4Address("10.1.1.21"): "node_dc1_worker1",
        IPv4Address("172.30.0.3"): "router_dc2_router1",
    }
