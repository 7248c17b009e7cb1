"""The life of two routers on a real libvirt, from the first `pulumi up` to `destroy`.

One stack, and its tests in the order of the file: each begins where the one before ended.
"""

from __future__ import annotations

import pytest

from tests.components.stacks import Written
from tests.real_libvirt.lab import FIRST, SECOND, Lab, eventually
from tests.twin.ages import went_on
from tools import plugins

pytestmark = [
    pytest.mark.engine,
    pytest.mark.timeout(plugins.LIMIT),  # the first test may build the plugin and the image
    pytest.mark.xdist_group("real_libvirt"),
]


@pytest.fixture(scope="module", autouse=True)
def _up(lab: Lab) -> None:
    lab.stack.up()


def test_the_routers_boot_from_the_injected_files(lab: Lab) -> None:
    names = [lab.ssh(address, "hostname").strip() for address in (FIRST, SECOND)]
    assert names == ["dc1-router1", "dc2-router1"]
    # Run by the first boot, and gone.
    assert lab.ssh(FIRST, "ls /etc/uci-defaults") == ""
    assert all(name.startswith("underlay-") for name in lab.machines.names("list"))


@pytest.mark.parametrize(
    ("address", "lan", "gateway"),
    [(FIRST, "10.1.2.0/24", "172.30.0.3"), (SECOND, "10.1.1.0/24", "172.30.0.1")],
    ids=("dc1", "dc2"),
)
def test_their_session_comes_up_over_the_peering_network(
    lab: Lab, address: str, lan: str, gateway: str
) -> None:
    eventually(lambda: lan in lab.routes(address), f"no route to {lan}")
    route = lab.routes(address)[lan]
    assert (route["dev"], route["gateway"], route["protocol"]) == ("eth2", gateway, "bird")


def test_the_host_reaches_what_is_behind_the_routers_by_its_own_address(lab: Lab) -> None:
    assert lab.ssh("10.1.2.2", "hostname") == "dc2-router1\n"


def test_a_second_up_changes_nothing(lab: Lab) -> None:
    machines = lab.running()
    assert lab.stack.preview() == {}
    lab.stack.succeed("up", "--yes", "--skip-preview", "--refresh", "--expect-no-changes")
    assert lab.running() == machines


def test_a_day_1_change_lands_without_dropping_the_session(lab: Lab) -> None:
    def other_egress(config: Written) -> None:
        config["underlay:fabric"]["egress"] = "10.114.0.0/16"

    before, machines = lab.session(FIRST), lab.running()
    lab.configure(other_egress)
    changes = {name: op for name, op in lab.stack.preview().items() if name.endswith("-files")}
    assert changes == {"fabric-dc1-router1-files": "update", "fabric-dc2-router1-files": "update"}
    lab.stack.up()
    assert "10.114.0.0/16" in lab.routes(FIRST)
    assert went_on(before, lab.session(FIRST))
    assert lab.running() == machines


def test_a_change_that_cuts_the_way_to_a_router_takes_itself_back(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    def soon(config: Written) -> None:
        config["underlay:libvirt"]["router"]["confirm_seconds"] = 15

    before, machines = lab.session(FIRST), lab.running()
    lab.configure(soon)
    with monkeypatch.context() as patched:
        patched.setenv("UNDERLAY_STANDIN_MISTAKE", f"{FIRST}/=172.31.3.99/")
        said = lab.stack.fail("up", "--yes", "--skip-preview")
    assert "fabric-dc1-router1-files" in said
    assert "confirmed" in said
    assert "Traceback" not in said
    eventually(lambda: lab.answers(FIRST), "the router has not taken the change back")
    assert f"'{FIRST}/22'" in lab.ssh(FIRST, "cat /etc/config/network")
    assert went_on(before, lab.session(FIRST))
    # The state has what the router has: the next `up` goes on from there.
    lab.configure()
    lab.stack.up()
    assert lab.stack.preview() == {}
    assert "10.113.0.0/16" in lab.routes(FIRST)
    assert went_on(before, lab.session(FIRST))
    assert lab.running() == machines


def test_a_router_with_more_memory_goes_on_with_its_files(lab: Lab) -> None:
    def more_memory(config: Written) -> None:
        config["underlay:libvirt"]["router"]["memory"] = 160

    lab.ssh(FIRST, "touch /root/kept")
    machines = lab.running()
    lab.configure(more_memory)
    replaced = {name for name, op in lab.stack.preview().items() if op == "replace"}
    assert replaced == {"fabric-dc1-router1-domain", "fabric-dc2-router1-domain"}
    lab.stack.up()
    assert lab.running().keys() == machines.keys()
    assert not set(lab.running().values()) & set(machines.values())
    assert lab.ssh(FIRST, "ls /root/kept") == "/root/kept\n"
    eventually(lambda: lab.routes(FIRST).get("10.1.2.0/24"), "no session after the restart")
    assert lab.stack.preview() == {}


def test_destroy_leaves_nothing(lab: Lab) -> None:
    assert lab.remains() != []
    lab.stack.destroy()
    assert lab.remains() == []
