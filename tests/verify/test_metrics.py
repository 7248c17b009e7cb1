"""The routers' metrics against BIRD's own word."""

from ipaddress import IPv4Address

import pytest

from config.load import load
from config.plan import make_plan
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


def test_where_it_is_off_nothing_is_expected() -> None:
    assert metrics.expected(make_plan(load())) == {}
    plan = make_plan(load({"observability": {"routers": True}}))
    assert metrics.expected(plan)["dc1-router1"] == {
        IPv4Address("10.1.1.11"): "node_dc1_controlplane1",
        IPv4Address("10.1.1.21"): "node_dc1_worker1",
        IPv4Address("172.30.0.3"): "router_dc2_router1",
    }
