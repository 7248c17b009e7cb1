"""A twin's life on the real engine: up, no change, growth, change in place, mending, down."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Callable
from ipaddress import IPv4Address

import pytest

from tests.engine.datagrams import sending
from tests.engine.stack import Stack
from twin import daemons, gobgp, iproute, namespaces
from twin.gobgpd import api_socket
from twin.place import release_stack

#: What a GoBGP does whose peers and prefixes somebody has deleted.
_LONELY = gobgp.Speaker(
    65001, IPv4Address("10.1.2.21"), 1179, neighbors=(), next_hops=(), prefixes=()
)

pytestmark = [pytest.mark.engine, pytest.mark.twin, pytest.mark.timeout(900)]


def test_a_stack_comes_up_routes_as_planned_and_leaves_nothing(stack: Stack) -> None:
    host_before = _host()
    stack.up()
    report = stack.verify()
    assert report.findings == ()
    assert sum(report.checked["dc1-router1"].values()) > 10
    assert _host() == host_before
    stack.succeed("preview", "--expect-no-changes")
    stack.succeed("up", "--yes", "--skip-preview", "--expect-no-changes")
    stack.succeed("preview", "--refresh", "--expect-no-changes")
    stack.destroy()
    assert stack.remains() == []
    assert _host() == host_before


def test_the_outputs_are_those_that_downstream_programs_use(stack: Stack) -> None:
    stack.up()
    assert stack.outputs() == {
        "node_ips": {
            "dc1-controlplane1": "10.1.1.11",
            "dc1-worker1": "10.1.1.21",
            "dc2-worker1": "10.1.2.21",
            "dc2-worker2": "10.1.2.22",
        },
        "router_ips": {"dc1-router1": "10.1.1.2", "dc2-router1": "10.1.2.2"},
        "pod_cidrs": {
            "dc1-controlplane1": "10.129.11.0/24",
            "dc1-worker1": "10.129.21.0/24",
            "dc2-worker1": "10.130.21.0/24",
            "dc2-worker2": "10.130.22.0/24",
        },
        "vips": {},
        "egress_addresses": {},
        "scrape": {"underlay-routers": [], "cilium-agent": [], "hubble": []},
        "fabric": stack.outputs()["fabric"],
        "readme": stack.outputs()["readme"],
    }


def test_going_from_two_to_four_datacentres_only_adds_and_updates_in_place(stack: Stack) -> None:
    stack.up()
    before = {router: stack.sessions_since(router) for router in ("dc1-router1", "dc2-router1")}
    stack.configure({"datacentres": 4})
    steps = stack.preview()
    assert set(steps.values()) == {"create", "update", "same"}
    assert {name for name, step in steps.items() if step == "update"} == {
        "twin-dc1-router1",
        "twin-dc2-router1",
        "twin-cluster",
        "twin-converged",
    }
    stack.up()
    for router, ages in before.items():
        after = stack.sessions_since(router)
        assert {name: after[name] for name in ages} == ages
    assert stack.verify().findings == ()


def test_shrinking_again_removes_what_is_gone_and_nothing_else(stack: Stack) -> None:
    stack.configure({"datacentres": 3})
    stack.up()
    ages = stack.sessions_since("dc1-router1")
    stack.configure({"datacentres": 2})
    stack.up()
    assert stack.verify().findings == ()
    assert stack.sessions_since("dc1-router1") == {
        name: since for name, since in ages.items() if "dc3" not in name
    }
    assert not any("dc3" in remnant for remnant in stack.remains())


def test_a_changed_timer_shows_as_text_and_is_loaded_in_place(stack: Stack) -> None:
    stack.up()
    stack.configure({"datacentres": 2, "timers": {"hold_time": 30, "keepalive_time": 10}})
    shown = stack.succeed("preview", "--diff")
    assert re.search(r"-\s+hold time 9;", shown)
    assert re.search(r"\+\s+hold time 30;", shown)
    assert "delete" not in stack.preview().values()
    bird = daemons.running_in(stack.place("dc1-router1").folder, "bird")
    stack.up()
    assert daemons.running_in(stack.place("dc1-router1").folder, "bird") == bird
    assert stack.verify().findings == ()


def test_a_node_more_leaves_the_other_sessions_as_old_as_they_were(stack: Stack) -> None:
    stack.configure({"datacentres": [{"nodes": 1}, {"nodes": 1}]})
    stack.up()
    ages = stack.sessions_since("dc1-router1")
    stack.configure({"datacentres": [{"nodes": 3}, {"nodes": 1}]})
    stack.up()
    after = stack.sessions_since("dc1-router1")
    assert {name: after[name] for name in ages} == ages
    assert stack.verify().findings == ()


def test_refreshing_notices_what_was_changed_by_hand_and_up_mends_it(stack: Stack) -> None:
    stack.up()
    _sabotage(stack)
    damaged = {
        "twin-dc1-router1",
        "twin-dc2-router1",
        "twin-dc1-worker1",
        "twin-dc2-worker1",
        "twin-dc2-worker2",
    }
    steps = json.loads(stack.succeed("preview", "--refresh", "--json"))["steps"]
    mended = {s["urn"].rpartition("::")[2] for s in steps if s["op"] in ("update", "create")}
    assert damaged <= mended
    stack.up("--refresh")
    assert stack.verify().findings == ()
    stack.succeed("preview", "--refresh", "--expect-no-changes")


def test_after_a_reboot_everything_is_made_again(stack: Stack) -> None:
    """A reboot takes the namespaces, the processes and /run with it, and leaves the state."""
    stack.up()
    release_stack(stack.name)
    assert stack.remains() == []
    stack.up("--refresh")
    assert stack.verify().findings == ()


def test_two_stacks_of_the_same_plan_stand_side_by_side(make_stack: Callable[[], Stack]) -> None:
    first, second = make_stack(), make_stack()
    first.up()
    second.up()
    assert first.verify().findings == ()
    assert second.verify().findings == ()
    second.destroy()
    assert second.remains() == []
    assert first.verify().findings == ()


@pytest.mark.parametrize(
    "fabric",
    [
        pytest.param(
            {"datacentres": [{"routers": 2}, {"routers": 2}, {"routers": 1}]},
            id="two routers with a shared gateway",
        ),
        pytest.param(
            {"datacentres": [{"nodes": 1}] * 7},
            id="route reflectors beyond a handful of routers",
        ),
        pytest.param(
            {
                "datacentres": [{"routers": 2}, {"nodes": 1}],
                "asns": {"routers": "per-datacentre", "cluster": "per-datacentre"},
            },
            id="an AS for each datacentre's routers and nodes",
        ),
        pytest.param(
            {
                "datacentres": [{"name": "ams", "lan": "192.168.7.0/24"}, {"name": "fra"}],
                "twin": {"pods_per_node": 3},
            },
            id="a LAN of one's own and several pods a node",
        ),
        pytest.param(
            {
                "datacentres": [{"routers": 2, "nodes": 1}, {"routers": 2}, {}],
                "full_mesh_limit": 3,
                "pod_routes": "summary",
                "load_balancing": {
                    "pools": "per-datacentre",
                    "demo": [{"datacentre": "dc2", "external_traffic_policy": "Local"}],
                },
            },
            id="one route for a datacentre's pods, reflected, and a service of one datacentre",
        ),
        pytest.param(
            {
                "datacentres": [{"routers": 2, "nodes": 1}, {"nodes": 1}],
                "asns": {"routers": "per-datacentre", "cluster": "per-datacentre"},
                "pod_routes": "summary",
                "load_balancing": {"aggregation_length": 24, "demo": True},
            },
            id="aggregates of pods and services between ASes",
        ),
        pytest.param(
            {"datacentres": [{"nodes": 1}, {"nodes": 1}], "pod_routes": "none"},
            id="datacentres that know nothing of each other's pods",
        ),
        pytest.param(
            {
                "datacentres": [{"routers": 2}, {"nodes": 1}],
                "families": ["ipv4", "ipv6"],
                "load_balancing": {"demo": True},
            },
            id="IPv4 and IPv6, with a service",
        ),
    ],
)
def test_every_shape_of_fabric_routes_as_planned(stack: Stack, fabric: dict[str, object]) -> None:
    stack.configure(fabric)
    stack.up()
    assert stack.verify().findings == ()


def test_passwords_sign_the_sessions_and_are_shown_nowhere(stack: Stack) -> None:
    secret, other = "Zq7-secret-of-dc1", "Zq7-secret-of-the-routers"
    stack.set_secret("underlay:passwords.peering", other)
    stack.set_secret("underlay:passwords.datacentres.dc1", secret)
    stack.set_secret("underlay:passwords.datacentres.dc2", secret)
    printed = stack.succeed("preview", "--diff") + stack.up()
    assert stack.verify().findings == ()
    exported = stack.succeed("stack", "export")
    for text in (printed, exported):
        assert secret not in text
        assert other not in text
    with namespaces.inside(stack.place("dc1-router1").namespace):
        sockets = subprocess.run(["ss", "-tinO"], capture_output=True, text=True).stdout
    assert sockets.count(":1179") >= 2


def test_passwords_that_are_not_given_are_made_kept_and_shown_nowhere(stack: Stack) -> None:
    printed = stack.succeed("preview", "--diff") + stack.up()
    made = _passwords_of(stack, "dc1-router1")
    assert len(set(made)) == 2, "one for its nodes, one for other routers"
    printed += stack.up() + stack.succeed("stack", "export") + stack.succeed("stack", "output")
    assert _passwords_of(stack, "dc1-router1") == made
    assert not any(password in printed for password in made)


def test_rotating_a_password_resets_the_sessions_concerned_and_no_others(stack: Stack) -> None:
    stack.up()
    routers = ("dc1-router1", "dc2-router1")
    before = {router: stack.sessions_since(router) for router in routers}
    rotations = {"datacentres": {"dc1": 2}}
    stack.configure({"datacentres": 2, "security": {"rotations": rotations}})
    assert {name for name, step in stack.preview().items() if step == "update"} == {
        "twin-dc1-router1",
        "twin-dc1-controlplane1",
        "twin-dc1-worker1",
        "twin-converged",
    }
    with sending(stack.place("dc2-worker1-pod1"), stack.place("dc1-worker1"), "10.1.1.21") as sent:
        stack.up()
    assert sent.count > 0
    assert sent.lost == [], "from datacentre to datacentre, by the routers' session"
    after = {router: stack.sessions_since(router) for router in routers}
    anew = {
        name
        for router in routers
        for name, since in after[router].items()
        if since != before[router][name]
    }
    assert anew == {"node_dc1_controlplane1", "node_dc1_worker1"}
    assert stack.verify().findings == ()


def _passwords_of(stack: Stack, router: str) -> list[str]:
    text = (stack.place(router).folder / "etc/bird-passwords.conf").read_text()
    return re.findall(r'"(.+)"', text)


def _sabotage(stack: Stack) -> None:
    """One kind of damage on each machine."""
    iproute.batch(
        stack.place("dc1-router1").namespace, ["route add 10.99.0.0/16 dev eth1 proto static"]
    )
    with namespaces.inside(stack.place("dc1-router1").namespace):
        subprocess.run(["nft", "flush", "ruleset"], check=True)
    daemons.stop(daemons.running_in(stack.place("dc2-router1").folder, "bird"))
    namespaces.delete(stack.place("dc1-worker1-pod1").namespace)
    with gobgp.connect(api_socket(stack.place("dc2-worker1"))) as client:
        client.apply(_LONELY)
    stack.place("dc2-worker2").release()


def _host() -> list[str]:
    """The host's own links, routes and firewall rules."""
    commands = (["ip", "-o", "link"], ["ip", "route"], ["nft", "list", "ruleset"])
    return [subprocess.run(c, capture_output=True, text=True).stdout for c in commands]
