"""The way in: everything wrong is said at once, and no password is ever shown."""

from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from config.errors import ConfigurationError
from config.load import load
from config.plan import make_plan
from config.schema import Fabric
from tests.config.refusals import refusals
from tests.config.strategies import Written, fabrics


def test_an_empty_configuration_is_two_datacentres() -> None:
    for settings_ in (load(), load(None, None), load({}, {})):
        assert [datacentre.name for datacentre in settings_.fabric.datacentres] == ["dc1", "dc2"]


def test_problems_of_all_kinds_are_listed_together() -> None:
    fabric: Written = {
        "datacenters": 3,
        "services": "fd00::/108",
        "pods": "10.1.0.0/16",
        "lan_prefix_length": "long",
        "peering": "172.30.0.0/31",
        "asns": {"routers": 65535, "cluster": 65001},
        "timers": {"hold_time": 9, "keepalive_time": 4},
        "datacentres": [
            {"name": "AMS"},
            {"name": "fra", "index": 7, "router_asn": 65001, "routers": 3},
            {"name": "fra", "index": 7, "nodes": {"controlplanes": 2}},
        ],
    }
    found = refusals(fabric, {"peering": "hush hush", "datacentres": {"lon": "hush"}})
    beginnings = [
        "fabric.datacentres[0].name AMS is not a DNS label",
        "fabric.datacentres[1].routers 3 is too large",
        "fabric.lan_prefix_length long is not a whole number",
        "fabric.services fd00::/108 is IPv6",
        "fabric.asns.routers 65535 is a reserved AS number",
        "fabric.datacenters is not a setting",
        "passwords.peering has characters",
        "fabric.datacentres[2].name fra is already that of",
        "fabric.datacentres[2].index 7 is already that of",
        "fabric.peering 172.30.0.0/31 has no host 1",
        "fabric.pods 10.1.0.0/16 overlaps fabric.lans",
        "fabric.datacentres[1].router_asn 65001 is also fabric.asns.cluster",
        "fabric.datacentres[].nodes.controlplanes 2 in all",
        "fabric.timers.keepalive_time 4 is more than a third",
        "passwords.datacentres.lon is for no datacentre",
    ]
    missing = [text for text in beginnings if not any(line.startswith(text) for line in found)]
    assert missing == []
    assert "hush" not in "".join(found)


def test_a_configuration_with_passwords_shows_none_of_them() -> None:
    settings_ = load({}, {"peering": "hush", "datacentres": {"dc1": "hush"}})
    for shown in (repr(settings_), str(settings_), settings_.model_dump_json()):
        assert "hush" not in shown


def test_an_error_about_something_else_shows_no_password() -> None:
    with pytest.raises(ConfigurationError) as refused:
        load({"lans": "nowhere"}, {"peering": "hush", "datacentres": {"dc1": "hush"}})
    assert "hush" not in str(refused.value)
    assert refused.value.__cause__ is None
    assert refused.value.__suppress_context__, "pydantic's own error quotes its input"


_scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-3, 200),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(max_size=8),
    st.sampled_from(["10.1.0.0/16", "fd00::/8", "192.168.0.0/30", "per-datacentre", "65000"]),
)
_keys = st.sampled_from(
    [*Fabric.model_fields, "name", "index", "lan", "routers", "nodes", "cluster", "workers"]
)
_anything = st.recursive(
    _scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_keys, inner, max_size=3),
    max_leaves=8,
)


@settings(max_examples=300, deadline=None)
@given(st.dictionaries(_keys, _anything, max_size=4), _anything)
def test_whatever_is_written_is_planned_or_refused(fabric: Written, passwords: Written) -> None:
    with suppress(ConfigurationError):
        make_plan(load(fabric, passwords))


@settings(max_examples=200, deadline=None)
@given(fabrics(), _keys, _anything)
def test_a_fabric_with_one_field_replaced_is_planned_or_refused(
    fabric: Written, field: str, value: object
) -> None:
    with suppress(ConfigurationError):
        make_plan(load({**fabric, field: value}))


@settings(max_examples=200, deadline=None)
@given(fabrics(), st.data())
def test_a_datacentre_with_one_field_replaced_is_planned_or_refused(
    fabric: Written, data: st.DataObject
) -> None:
    datacentres = fabric["datacentres"]
    if isinstance(datacentres, list):
        position = data.draw(st.integers(0, len(datacentres) - 1))
        datacentres[position][data.draw(_keys)] = data.draw(_anything)
    with suppress(ConfigurationError):
        make_plan(load(fabric))
