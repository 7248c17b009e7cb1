"""The files that a router's image has: as they were, and as their readers take them."""

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from syrupy.assertion import SnapshotAssertion

from components import ssh_key
from config.load import load
from config.machines import Router
from config.plan import Plan, make_plan
from render import day0, interfaces, ssh
from tests.render.plans import PLANS, plans, two_datacentres
from twin import uci

NAMES = (day0.NETWORK, day0.FIREWALL, day0.DROPBEAR, day0.SYSTEM)


def on_libvirt() -> Plan:
    """The articles' set-up: there the host may come in by the WAN."""
    return make_plan(load(substrate="libvirt"))


def every(plan: Plan) -> Iterator[tuple[Router, dict[str, str]]]:
    for router in plan.routers:
        yield router, day0.files(plan, router)


@pytest.mark.parametrize("path", NAMES)
def test_a_file_of_day_0_is_as_it_was(path: str, snapshot: SnapshotAssertion) -> None:
    plan = on_libvirt()
    assert day0.files(plan, plan.routers[1])[path] == snapshot


def test_these_are_all_the_files() -> None:
    assert all(tuple(files) == NAMES for _, files in every(on_libvirt()))


@given(plan=plans())
@settings(max_examples=15, deadline=None)
def test_every_file_of_any_fabric_is_uci(plan: Plan) -> None:
    for _, files in every(plan):
        assert all(uci.parse(text) for text in files.values())


@pytest.mark.parametrize("plan", [make() for make in PLANS.values()], ids=PLANS)
def test_each_router_has_its_own_name_and_wan_and_no_other_network(plan: Plan) -> None:
    for router, files in every(plan):
        (system,) = uci.parse(files[day0.SYSTEM])
        assert system.get("hostname") == router.name
        loopback, wan = uci.parse(files[day0.NETWORK])
        assert (loopback.name, wan.name) == ("loopback", "wan")
        addresses = {*wan.values("ipaddr"), *wan.values("ip6addr")}
        assert addresses == {str(address) for address in router.wan.addresses}
        gateways = {option: wan.get(option) for option in ("gateway", "ip6gw") if wan.get(option)}
        assert set(gateways.values()) == {str(gateway.ip) for gateway in plan.wan_gateways}
        assert wan.get("device") == interfaces.WAN


def test_only_the_management_comes_in() -> None:
    plan = on_libvirt()
    defaults, zone, rule = uci.parse(day0.files(plan, plan.routers[0])[day0.FIREWALL])
    assert {section.get("input") for section in (defaults, zone)} == {"REJECT"}
    assert (rule.get("target"), rule.values("src_ip")) == ("ACCEPT", ["172.31.0.1/32"])


def test_without_a_management_nobody_comes_in() -> None:
    plan = two_datacentres()
    *_, rule = uci.parse(day0.files(plan, plan.routers[0])[day0.FIREWALL])
    assert (rule.get("target"), rule.values("src_ip")) == ("REJECT", [])


def test_nobody_logs_in_by_a_password() -> None:
    plan = on_libvirt()
    (dropbear,) = uci.parse(day0.files(plan, plan.routers[0])[day0.DROPBEAR])
    assert not dropbear.is_on("PasswordAuth")
    assert not dropbear.is_on("RootPasswordAuth")


@pytest.mark.skipif(shutil.which("ssh-keygen") is None, reason="ssh-keygen is not installed")
def test_ssh_reads_every_authorized_key(tmp_path: Path) -> None:
    keys = [ssh_key.generate(name)[1] for name in ("program", "user")]
    file = tmp_path / "authorized_keys"
    file.write_text(day0.authorized_keys([f"{keys[0]}\n", keys[1]]))
    shown = subprocess.run(
        ("ssh-keygen", "-l", "-f", str(file)), capture_output=True, text=True, check=True
    )
    assert [line.split()[2] for line in shown.stdout.splitlines()] == ["program", "user"]


@pytest.mark.skipif(shutil.which("busybox") is None, reason="busybox is not installed")
def test_the_routers_shell_takes_the_host_keys_script(tmp_path: Path) -> None:
    private, _ = ssh_key.generate("router")
    script = tmp_path / "script"
    script.write_text(day0.host_key_script(ssh.dropbear_key(private)))
    done = subprocess.run(("busybox", "ash", "-n", str(script)), capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
