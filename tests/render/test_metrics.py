"""A router's script of metrics, its web server's file and its firewall's rules."""

import subprocess
from pathlib import Path

import pytest
from hypothesis import given

from config.plan import Plan
from config.routes import of_router
from render import metrics, scrape
from render.artifacts import RouterArtifacts, render
from tests.render.plans import planned, plans
from twin import uci, web
from verify.expectations import destination, expectations
from verify.model import UNREACHABLE

PLAN = planned({"observability": {"routers": True}})


def first_router(plan: Plan) -> RouterArtifacts:
    return render(plan).routers[plan.routers[0].name]


def test_without_the_option_a_router_has_nothing_of_it() -> None:
    files = first_router(planned()).files
    assert not {metrics.SCRIPT, metrics.SERVER} & files.keys()
    assert "metrics" not in files["/etc/config/firewall"]


def test_an_address_of_ipv6_is_in_brackets_where_a_port_follows() -> None:
    plan = planned({"families": ["ipv6"], "observability": {"routers": True}})
    (section,) = uci.parse(first_router(plan).files[metrics.SERVER])
    assert section.values("listen_http") == ["[fd75:6e64:6572:101::2]:9324"]
    (target, _) = scrape.targets(plan, agents=False)[scrape.ROUTERS]
    assert target["targets"] == ["[fd75:6e64:6572:101::2]:9324"]


def test_the_server_listens_on_the_lan_address_alone() -> None:
    (section,) = uci.parse(first_router(PLAN).files[metrics.SERVER])
    assert section.values("listen_http") == ["10.1.1.2:9324"]
    assert section.values("listen_https") == []
    assert web.server(first_router(PLAN).files[metrics.SERVER]) == web.Server(
        "10.1.1.2", 9324, "/usr/share/underlay"
    )


def test_the_script_that_is_scraped_is_one_that_the_server_finds_and_runs() -> None:
    (section,) = uci.parse(first_router(PLAN).files[metrics.SERVER])
    assert section.get("home") + metrics.PATH == metrics.SCRIPT
    (interpreter,) = section.values("interpreter")
    ending, _, program = interpreter.partition("=")
    # uhttpd refuses to start with an ending that does not begin with a dot (main.c, option -i).
    assert ending.startswith(".")
    assert metrics.SCRIPT.endswith(ending)
    assert program == "/bin/sh"


def test_from_the_wan_only_those_who_are_named_may_read() -> None:
    named = planned({"observability": {"routers": True, "readers": ["203.0.114.0/24"]}})
    rules = {
        section.get("name"): section
        for section in uci.parse(first_router(named).files["/etc/config/firewall"])
        if section.type == "rule" and "metrics" in section.get("name")
    }
    assert rules["metrics-wan"].values("src_ip") == ["203.0.114.0/24"]
    assert rules["metrics-lan"].values("src_ip") == [
        *("10.1.0.0/16", "10.128.0.0/9", "203.0.114.0/24")
    ]
    assert {rule.get("dest_port") for rule in rules.values()} == {"9324"}
    assert "metrics-wan" not in first_router(PLAN).files["/etc/config/firewall"]


@pytest.mark.parametrize(
    ("wan", "names"),
    [
        ("closed", ["metrics-lan", "metrics-peering"]),
        ("open", ["metrics-lan", "metrics-peering", "no-metrics-wan"]),
    ],
)
def test_nobody_else_is_let_in_by_a_zones_own_policy(wan: str, names: list[str]) -> None:
    fabric = {"observability": {"routers": True}, "security": {"wan": wan}}
    found = [
        section.get("name")
        for section in uci.parse(first_router(planned(fabric)).files["/etc/config/firewall"])
        if section.type == "rule" and "metrics" in section.get("name")
    ]
    assert found == names


@given(plan=plans())
def test_the_planned_routes_are_those_that_verification_expects_of_a_router(plan: Plan) -> None:
    apart = {"default", "::/0", *(str(net) for nets in plan.peerings.values() for net in nets)}
    apart |= {str(ranges.wan) for ranges in plan.ranges}
    expected = expectations(plan)
    for site in plan.sites:
        told = {destination(network) for network in of_router(plan, site)}
        for router in site.routers:
            assert told == {
                prefix
                for prefix, ways in expected[router.name].routes.items()
                if ways != {UNREACHABLE} and prefix not in apart
            }


def test_the_shells_linter_has_nothing_to_say_of_the_script(tmp_path: Path) -> None:
    script = tmp_path / "metrics.sh"
    script.write_text(first_router(PLAN).files[metrics.SCRIPT])
    try:
        done = subprocess.run(["shellcheck", script], capture_output=True, text=True)
    except FileNotFoundError:
        pytest.skip("shellcheck is not installed")
    assert done.stdout == ""
