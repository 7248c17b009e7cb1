"""The short forms, and what they stand for."""

from typing import Any

import pytest
from pydantic import ValidationError

from config.load import load
from config.schema import Datacentre
from tests.config.refusals import refusals


def datacentres(written: object) -> tuple[Datacentre, ...]:
    return load({"datacentres": written}).fabric.datacentres


def roles(written: object) -> list[tuple[int, int]]:
    """Control planes and workers of each datacentre."""
    return [(d.nodes.controlplanes, d.nodes.workers) for d in datacentres(written)]


def test_a_number_is_that_many_datacentres_of_two_nodes() -> None:
    found = datacentres(3)
    assert [(d.name, d.index, d.routers, d.lan) for d in found] == [
        ("dc1", 1, 1, None),
        ("dc2", 2, 1, None),
        ("dc3", 3, 1, None),
    ]
    assert roles(3) == [(1, 1), (0, 2), (0, 2)]


def test_a_number_means_the_same_as_a_list_of_nothing() -> None:
    assert datacentres(3) == datacentres([{}, {}, {}])


def test_the_name_follows_from_the_index() -> None:
    assert [d.name for d in datacentres([{"index": 7}, {}, {"name": "ams"}])] == [
        "dc7",
        "dc2",
        "ams",
    ]


def test_a_number_of_nodes_is_workers_but_for_the_clusters_first() -> None:
    assert roles([{"nodes": 3}, {"nodes": 4}, {"nodes": 0}]) == [(1, 2), (0, 4), (0, 0)]


def test_a_single_node_is_the_control_plane() -> None:
    assert roles([{"nodes": 1}]) == [(1, 0)]


def test_where_a_datacentre_has_control_planes_numbers_are_workers_everywhere() -> None:
    assert roles([{"nodes": 3}, {"nodes": {"controlplanes": 3}}, {}]) == [(0, 3), (3, 0), (0, 2)]


@pytest.mark.parametrize(
    ("written", "complaint"),
    [
        (0, "0 is no fabric: write 1 or more, or a list of datacentres"),
        (-2, "-2 is no fabric: write 1 or more, or a list of datacentres"),
        ([], "is empty: write a number of datacentres, or a list"),
        ("two", "two is neither a number nor a list: write datacentres: 2, or a list of them"),
        (None, "is neither a number nor a list: write datacentres: 2, or a list of them"),
        (True, "True is neither a number nor a list: write datacentres: 2, or a list of them"),
        ({}, "{} is neither a number nor a list: write datacentres: 2, or a list of them"),
    ],
)
def test_what_is_no_list_of_datacentres_is_refused(written: object, complaint: str) -> None:
    assert refusals({"datacentres": written}) == [f"fabric.datacentres {complaint}"]


def test_settings_cannot_be_changed() -> None:
    settings = load()
    with pytest.raises(ValidationError, match="frozen"):
        setattr(settings, "fabric", settings.fabric)  # noqa: B010 (mypy would refuse it as well)


@pytest.mark.parametrize(
    "fabric",
    [
        {"cluster": "mine"},
        {"lans": "192.168.0.0/16"},
        {"pods": "172.16.0.0/13"},
        {"asns": {"routers": 64512}},
        {"timers": {"hold_time": 30}},
        {"twin": {"pods_per_node": 3}},
        {"datacentres": [{"name": "ams"}]},
    ],
)
def test_one_field_can_be_overridden_without_the_others(fabric: dict[str, Any]) -> None:
    (field,) = fabric
    changed, default = (load(f).fabric.model_dump(mode="json") for f in (fabric, {}))
    assert {key for key in default if changed[key] != default[key]} == {field}


def test_an_index_that_no_mac_can_hold_is_refused() -> None:
    ranges = {
        "lans": "10.0.0.0/8",
        "lan_prefix_length": 26,
        "pods": "128.0.0.0/1",
        "node_pods_prefix_length": 28,
        "peering": "64.0.0.0/4",
        "wan": "32.0.0.0/4",
        "services": "9.96.0.0/12",
        "vips": "11.112.0.0/16",
        "egress": "11.113.0.0/16",
    }
    load({**ranges, "datacentres": [{"index": 65535}]})
    (message,) = refusals({**ranges, "datacentres": [{"index": 65536}]})
    assert message.startswith("fabric.datacentres[0].index 65536 is too large")
