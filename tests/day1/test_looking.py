"""Looking at real routers over SSH, as `verify` does."""

from dataclasses import replace

import pytest

from tests.day1.conftest import Pair
from verify.model import Observed, Unseen
from verify.ssh_probes import look_at_all

pytestmark = pytest.mark.twin


def test_sessions_and_routes_are_seen_and_a_router_that_is_away_is_said_to_be(pair: Pair) -> None:
    addresses = {
        "first": pair.first.address,
        "second": pair.second.address,
        "away": replace(pair.first.address, host="172.31.0.99"),
    }
    with pair.lab.inside():
        found = look_at_all(addresses, 3)
    first, away = found["first"], found["away"]
    assert isinstance(first, Observed)
    assert first.sessions[str(pair.second.planned.peering.address.ip)] == "Established"
    assert first.routes["default"] == {"172.31.0.1"}
    assert first.routes["10.1.1.0/24"] == {"br-lan"}
    assert first.routes["10.1.2.0/24"] == {str(pair.second.planned.peering.address.ip)}
    assert {"unreachable"} in first.routes.values()
    assert isinstance(away, Unseen)
    assert away.reason.startswith("root@172.31.0.99:22 does not answer by SSH within 3 s (")


def test_a_bird_that_is_down_has_no_sessions(pair: Pair) -> None:
    pair.first.run("/usr/sbin/birdc", "down")
    with pair.lab.inside():
        found = look_at_all({"first": pair.first.address}, 3)["first"]
    assert isinstance(found, Observed)
    assert found.sessions == {}
