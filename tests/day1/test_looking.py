"""Looking at real routers over SSH, as `verify` does."""

from dataclasses import replace

import pytest

from render.bird import CONFIGURATION
from tests.day1.conftest import Pair
from tests.day1.lab import eventually
from verify import announcements
from verify.model import Observed, Unseen
from verify.ssh_probes import ask_all, look_at_all

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


def test_what_a_router_refused_of_another_is_named(pair: Pair) -> None:
    honest, lie = "filter to_own_as {", 'filter to_own_as { if proto = "liar" then accept;'
    liar = "protocol static liar { ipv4; route 10.129.21.0/24 blackhole; }\n"
    text = pair.second.text(CONFIGURATION).replace(honest, lie) + liar
    pair.second.file(CONFIGURATION).write_text(text)
    pair.second.run("/usr/sbin/birdc", "configure")
    away = replace(pair.first.address, host="172.31.0.99")
    addresses = {pair.first.planned.name: pair.first.address, "away": away}
    with pair.lab.inside():
        eventually(lambda: announcements.findings(pair.plan, ask_all(addresses, 3)))
        (found,) = announcements.findings(pair.plan, ask_all(addresses, 3))
    assert str(found) == (
        "dc1-router1: dc2-router1 (172.30.0.3) announces 10.129.21.0/24, the pods of dc1-worker1: "
        "refused"
    )
