"""What is no setting, and what is of the wrong type."""

from typing import Any

import pytest

from tests.config.refusals import refusals
from tests.config.strategies import Written


@pytest.mark.parametrize(
    ("fabric", "message"),
    [
        ({"datacenters": 2}, "fabric.datacenters is not a setting: did you mean datacentres?"),
        ({"lan": "10.1.0.0/16"}, "fabric.lan is not a setting: did you mean lans?"),
        (
            {"timers": {"holdtime": 9}},
            "fabric.timers.holdtime is not a setting: did you mean hold_time?",
        ),
        (
            {"datacentres": [{}, {"router": 2}]},
            "fabric.datacentres[1].router is not a setting: did you mean routers?",
        ),
        (
            {"datacentres": [{"nodes": {"controlplanes": 1, "worker": 2}}]},
            "fabric.datacentres[0].nodes.worker is not a setting: did you mean workers?",
        ),
        (
            {"asns": {"nodes": 65001}},
            "fabric.asns.nodes is not a setting: the settings here are routers, cluster",
        ),
    ],
)
def test_a_misspelt_setting_is_refused_with_the_nearest(
    fabric: dict[str, Any], message: str
) -> None:
    assert refusals(fabric) == [message]


def test_a_misspelt_key_among_the_passwords_shows_no_password() -> None:
    assert refusals({}, {"peerings": "hush"}) == [
        "passwords.peerings is not a setting: did you mean peering?"
    ]


_WHOLE = "is not a whole number: write a whole number"
_MAPPING = "is not a mapping: write key: value pairs under it"


@pytest.mark.parametrize(
    ("fabric", "message"),
    [
        ({"full_mesh_limit": "few"}, f"fabric.full_mesh_limit few {_WHOLE}"),
        ({"full_mesh_limit": 2.5}, f"fabric.full_mesh_limit 2.5 {_WHOLE}"),
        ({"full_mesh_limit": [2]}, f"fabric.full_mesh_limit [2] {_WHOLE}"),
        ({"timers": {"hold_time": None}}, f"fabric.timers.hold_time {_WHOLE}"),
        ({"asns": {"routers": 6.5}}, f"fabric.asns.routers 6.5 {_WHOLE}"),
        (
            {"asns": {"routers": "many"}},
            "fabric.asns.routers many is not an AS number: write a number, or per-datacentre",
        ),
        ({"datacentres": [{"routers": "two"}]}, f"fabric.datacentres[0].routers two {_WHOLE}"),
        ({"timers": 9}, f"fabric.timers 9 {_MAPPING}"),
        ({"twin": "yes"}, f"fabric.twin yes {_MAPPING}"),
        ({"asns": [65000, 65001]}, f"fabric.asns [65000, 65001] {_MAPPING}"),
        ({"datacentres": [{}, "ams"]}, f"fabric.datacentres[1] ams {_MAPPING}"),
        ({"datacentres": [{"nodes": "three"}]}, f"fabric.datacentres[0].nodes three {_MAPPING}"),
        ({"datacentres": [{"nodes": True}]}, f"fabric.datacentres[0].nodes True {_MAPPING}"),
        (
            {"datacentres": [{"name": 5}]},
            "fabric.datacentres[0].name 5 is not text: put it in quotes",
        ),
        ({"cluster": True}, "fabric.cluster True is not text: put it in quotes"),
    ],
)
def test_a_value_of_the_wrong_type_is_refused(fabric: dict[str, Any], message: str) -> None:
    assert refusals(fabric) == [message]


@pytest.mark.parametrize(
    ("fabric", "message"),
    [
        ({"timers": {"hold_time": 2}}, "fabric.timers.hold_time 2 is too small: write 3 or more"),
        (
            {"timers": {"keepalive_time": 0}},
            "fabric.timers.keepalive_time 0 is too small: write 1 or more",
        ),
        (
            {"timers": {"graceful_restart_time": 4096}},
            "fabric.timers.graceful_restart_time 4096 is too large: write 4095 or less",
        ),
        (
            {"datacentres": [{"routers": 3}]},
            "fabric.datacentres[0].routers 3 is too large: write 2 or less",
        ),
        (
            {"datacentres": [{"routers": 0}]},
            "fabric.datacentres[0].routers 0 is too small: write 1 or more",
        ),
        (
            {"datacentres": [{"index": 0}]},
            "fabric.datacentres[0].index 0 is too small: write 1 or more",
        ),
        (
            {"datacentres": [{}, {"nodes": -1}]},
            "fabric.datacentres[1].nodes.workers -1 is too small: write 0 or more",
        ),
        ({"lan_prefix_length": 30}, "fabric.lan_prefix_length 30 is too large: write 29 or less"),
        (
            {"node_pods_prefix_length": 8},
            "fabric.node_pods_prefix_length 8 is too small: write 16 or more",
        ),
        ({"full_mesh_limit": 1}, "fabric.full_mesh_limit 1 is too small: write 2 or more"),
        (
            {"twin": {"pods_per_node": 101}},
            "fabric.twin.pods_per_node 101 is too large: write 100 or less",
        ),
    ],
)
def test_a_number_out_of_its_bounds_is_refused(fabric: dict[str, Any], message: str) -> None:
    assert refusals(fabric) == [message]


@pytest.mark.parametrize("written", ["all of it", ["datacentres"], 5])
def test_a_configuration_that_is_no_mapping_is_refused(written: Written) -> None:
    assert refusals(written) == [f"fabric {written} {_MAPPING}"]


@pytest.mark.parametrize("written", ["hush", ["hush"], 5])
def test_passwords_that_are_no_mapping_are_refused_unseen(written: Written) -> None:
    assert refusals({}, written) == [f"passwords {_MAPPING}"]


@pytest.mark.parametrize("field", ["routers", "index", "router_asn"])
def test_a_boolean_is_no_number(field: str) -> None:
    assert refusals({"datacentres": [{field: True}]}) == [
        f"fabric.datacentres[0].{field} True {_WHOLE}"
    ]


@pytest.mark.parametrize("index", [1.5, ["1"]])
def test_a_wrong_index_is_one_problem_and_not_one_of_the_name_as_well(index: object) -> None:
    assert refusals({"datacentres": [{"index": index}]}) == [
        f"fabric.datacentres[0].index {index} {_WHOLE}"
    ]


@pytest.mark.parametrize(
    ("fabric", "message"),
    [
        (
            {"timers": {"hold_time": "long", "keepalive_time": 10}},
            f"fabric.timers.hold_time long {_WHOLE}",
        ),
        (
            {"datacentres": [{"nodes": {"controlplanes": "one", "workers": 2}}]},
            f"fabric.datacentres[0].nodes.controlplanes one {_WHOLE}",
        ),
        (
            {"datacentres": [{"name": "ams", "nodes": {"controlplane": 1}}]},
            "fabric.datacentres[0].nodes.controlplane is not a setting: "
            "did you mean controlplanes?",
        ),
    ],
)
def test_a_faulty_field_is_one_problem_and_its_default_is_none(
    fabric: dict[str, Any], message: str
) -> None:
    assert refusals(fabric) == [message]


def test_a_faulty_password_hides_no_problem_of_another() -> None:
    written = {"datacentres": {"dc1": "hush hush", "lon": "hush"}}
    assert [line.split()[0] for line in refusals({}, written)] == [
        "passwords.datacentres.dc1",
        "passwords.datacentres.lon",
    ]


def test_a_faulty_number_of_workers_hides_no_problem_of_control_planes() -> None:
    nodes = [{"controlplanes": 2}, {"workers": "many"}]
    assert [
        line.split()[0] for line in refusals({"datacentres": [{"nodes": n} for n in nodes]})
    ] == [
        "fabric.datacentres[1].nodes.workers",
        "fabric.datacentres[].nodes.controlplanes",
    ]
