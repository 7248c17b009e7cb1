"""Looking at real routers over SSH, as `verify` does."""

from dataclasses import replace
from pathlib import Path

import pytest

from render.bird import CONFIGURATION
from tests.day1.conftest import Pair, planned, standing
from tests.day1.lab import eventually
from verify import announcements, metrics
from verify.metrics import Scraped
from verify.model import Observed, Unseen
from verify.ssh_probes import ask_all, look_at_all, scrape_all

pytestmark = pytest.mark.twin

_WATCHED = {
    "observability": {"routers": True},
    "redundancy": {"bfd": {"enabled": True, "interval_ms": 500}},
}


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


def test_metrics_are_read_on_each_router_and_agree_with_its_bird(tmp_path: Path) -> None:
    with standing(tmp_path, planned(**_WATCHED)) as pair:
        routers = {router.planned.name: router for router in (pair.first, pair.second)}
        addresses = {name: router.address for name, router in routers.items()}
        urls = {name: metrics.url(router.planned) for name, router in routers.items()}

        def looked() -> tuple[dict[str, Scraped], list[str]]:
            with pair.lab.inside():
                scraped = scrape_all(addresses, urls, 3)
            return scraped, [str(found) for found in metrics.findings(pair.plan, scraped)]

        eventually(lambda: looked()[1] == [])
        scraped, _ = looked()
        page = scraped["dc1-router1"].page
        assert metrics.ups(page)["router_dc2_router1"]
        assert metrics.bfd_ups(page) == {"172.30.0.3": True}
        addresses["dc2-router1"] = replace(pair.first.address, host="172.31.0.99")
        pair.first.run("/bin/killall", "httpd")
        scraped, (finding,) = looked()
        assert scraped.keys() == {"dc1-router1"}, "who does not answer is left out"
        assert finding.startswith(
            "dc1-router1: no metrics at http://10.1.1.2:9324/cgi-bin/metrics.sh, asked from itself:"
        )
        assert finding.endswith("Connection refused")


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
