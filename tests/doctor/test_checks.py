"""Each rule with a machine that breaks it, and one that just does not."""

import socket
from ipaddress import ip_address, ip_network
from pathlib import Path

import pytest

from doctor.checks import daemon, disk, engine, kvm, memory, networks, routes
from doctor.finding import Check
from doctor.host import Kvm, Route
from doctor.uri import SOCKET, way
from tests.doctor.machines import able, load_of


def only(check: Check) -> str:
    """The text of the only finding, marked where it does not stop `up`."""
    (finding,) = check.findings
    return finding.text if finding.stops else f"warning: {finding.text}"


def test_a_host_that_has_everything_is_found_good() -> None:
    for judge in (kvm, memory, disk, networks, routes):
        assert judge.check(able(), load_of()).findings == ()


@pytest.mark.parametrize(
    ("changes", "remedy"),
    [
        ({}, "load its module (sudo modprobe kvm_intel, or kvm_amd)"),
        ({"has_virtualisation": False}, "turn on virtualisation (VT-x or AMD-V) in its firmware"),
        ({"has_virtualisation": False, "is_virtual": True}, "so turn on nesting where it runs"),
    ],
)
def test_a_host_without_kvm_is_told_how_to_have_it(changes: dict[str, object], remedy: str) -> None:
    text = only(kvm.check(able(kvm=None, **changes), load_of()))
    assert text.startswith("fra has no /dev/kvm: ")
    assert remedy in text
    assert "libvirt.type to qemu" in text


def test_emulated_machines_need_no_kvm() -> None:
    assert kvm.check(able(kvm=None), load_of(type="qemu")).findings == ()


def test_in_the_system_session_it_is_libvirts_user_who_opens_kvm() -> None:
    text = only(kvm.check(able(kvm=Kvm(open_to_user=True, open_to_qemu=False)), load_of()))
    assert text.startswith("/dev/kvm on fra is closed to libvirt-qemu, which libvirt runs QEMU as")
    assert "usermod -aG kvm libvirt-qemu" in text


def test_in_a_users_session_it_is_the_user_who_opens_kvm() -> None:
    mine = load_of(uri="qemu:///session?socket=/run/user/1000/libvirt/libvirt-sock")
    assert kvm.check(able(kvm=Kvm(open_to_user=True, open_to_qemu=False)), mine).findings == ()
    assert "closed to this user: join the group kvm" in only(kvm.check(able(), mine))


def test_libvirt_without_qemu_is_told_the_package() -> None:
    text = only(kvm.check(able(has_qemu=False), load_of(type="qemu")))
    assert text.endswith("apt-get install qemu-system-x86")


def test_memory_that_the_host_does_not_have_stops_up() -> None:
    load = load_of()
    assert load.memory == 2 * 256 + 2 * 2048
    just = able(memory_total=load.memory, memory_available=load.memory)
    assert memory.check(just, load).findings == ()
    text = only(memory.check(able(memory_total=load.memory - 1), load))
    assert text.startswith("4 machines have 4608 MiB of memory together, and fra has 4607: ")


def test_memory_that_is_in_use_may_be_the_stacks_own() -> None:
    text = only(memory.check(able(memory_available=4607), load_of()))
    assert text.startswith("warning: 4 machines have 4608 MiB of memory together, and 4607 are")
    assert "unless they run already" in text


def test_a_disk_without_room_for_the_images_stops_up() -> None:
    load = load_of()
    assert load.images == 2 * 112 + 256
    text = only(disk.check(able(disk_available=load.images - 1), load))
    assert text.startswith("/var/lib on fra has 479 MiB left, and images take 480: ")


def test_a_disk_that_the_machines_may_fill_is_a_warning() -> None:
    load = load_of()
    assert load.disks == load.images + 20 * 1024
    assert disk.check(able(disk_available=load.disks), load).findings == ()
    text = only(disk.check(able(disk_available=load.disks - 1), load))
    assert text.startswith("warning: /var/lib on fra has 20959 MiB left, and the machines' disks")


def test_a_folder_that_qemu_may_not_pass_is_named() -> None:
    closed = able(closed_folders=("/home/me", "/home/me/vms"))
    text = only(disk.check(closed, load_of(pool="/home/me/vms")))
    assert "libvirt-qemu, which libvirt runs QEMU as, may not pass /home/me /home/me/vms" in text
    assert "sudo chmod o+x /home/me /home/me/vms" in text
    as_root = able(closed_folders=("/home/me",), qemu_user="root")
    assert disk.check(as_root, load_of()).findings == ()


def test_a_bridge_that_is_not_there_is_told_how_to_be_made() -> None:
    load = load_of(wan={"bridge": "br-wan"}, peering={"bridge": "br-peering"})
    assert networks.check(able(bridges=frozenset({"br-wan", "br-peering"})), load).findings == ()
    text = only(networks.check(able(bridges=frozenset({"br-wan"})), load))
    assert text.startswith("fra has no bridge br-peering, ")
    assert "sudo ip link add br-peering up type bridge" in text


def test_the_wan_that_libvirt_makes_needs_dnsmasq_and_a_bridge_does_not() -> None:
    without = able(has_dnsmasq=False, bridges=frozenset({"br-wan"}))
    assert only(networks.check(without, load_of())).endswith("apt-get install dnsmasq-base")
    assert networks.check(without, load_of(wan={"bridge": "br-wan"})).findings == ()


def route(
    prefix: str, gateway: str | None = None, source: str | None = None, device: str = "eth0"
) -> Route:
    return Route(
        ip_network(prefix),
        device,
        ip_address(gateway) if gateway else None,
        ip_address(source) if source else None,
    )


@pytest.mark.parametrize(
    ("taken", "text"),
    [
        ("172.31.0.0/22", "fabric.wan 172.31.0.0/22 is in use on fra (route 172.31.0.0/22 dev"),
        ("172.31.1.0/24", "fabric.wan 172.31.0.0/22 is in use on fra (route 172.31.1.0/24 dev"),
        ("10.1.2.0/24", "the LAN of dc2 10.1.2.0/24 is in use on fra"),
        ("10.128.0.0/9", "fabric.pods 10.128.0.0/9 is in use on fra"),
        ("10.130.7.0/24", "warning: the pods of dc2 10.130.0.0/16 is in use on fra"),
        ("10.200.0.0/16", "warning: fabric.pods 10.128.0.0/9 is in use on fra"),
    ],
)
def test_a_range_that_the_host_has_already_is_named_with_its_route(taken: str, text: str) -> None:
    assert only(routes.check(able(routes=(route(taken),)), load_of())).startswith(text)


@pytest.mark.parametrize(
    ("taken", "text"),
    [
        ("10.1.2.0/24", "the LAN of dc2 10.1.2.0/24 is in use on fra"),
        ("fd75:6e64:6572:1f::/64", "fabric.ipv6.wan fd75:6e64:6572:1f::/64 is in use on fra"),
        ("fd75:6e64:6572:102::/64", "the LAN of dc2 fd75:6e64:6572:102::/64 is in use on fra"),
        ("fd75:6e64:6572:9000::/64", "warning: fabric.ipv6.pods fd75:6e64:6572:8000::/49 is in"),
    ],
)
def test_ranges_of_both_families_are_looked_for(taken: str, text: str) -> None:
    load = load_of({"families": ["ipv4", "ipv6"]})
    assert only(routes.check(able(routes=(route(taken),)), load)).startswith(text)


def test_the_stacks_own_routes_of_ipv6_are_not_held_against_it() -> None:
    own = (
        route("fd75:6e64:6572:1f::/64", device="virbr1"),
        route("fd75:6e64:6572:8000::/49", gateway="fd75:6e64:6572:1f::a"),
        route("fe80::/64"),
    )
    load = load_of({"families": ["ipv4", "ipv6"]})
    assert routes.check(able(routes=own), load).findings == ()


def test_a_wider_route_and_other_ranges_do_no_harm() -> None:
    others = (route("10.0.0.0/8", "192.0.2.1"), route("192.0.2.0/24"), route("172.16.0.0/12"))
    assert routes.check(able(routes=others), load_of()).findings == ()


def test_the_stacks_own_routes_are_not_held_against_it() -> None:
    own = (
        route("172.31.0.0/22", source="172.31.0.1"),
        route("10.1.1.0/24", gateway="172.31.0.10"),
        route("10.128.0.0/9", gateway="172.31.0.10"),
    )
    assert routes.check(able(routes=own), load_of()).findings == ()


def test_where_the_wan_is_a_bridge_the_hosts_routes_are_the_hosts_business() -> None:
    load = load_of(wan={"bridge": "br-wan"})
    assert routes.check(able(routes=(route("172.31.0.0/22"),)), load).findings == ()


def test_the_modular_daemons_alone_are_told_what_to_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(daemon, "SOCKET", f"{tmp_path}/libvirt-sock")
    modular = tmp_path / "virtqemud-sock"
    monkeypatch.setattr(daemon, "_MODULAR", modular)
    to = way(f"qemu:///system?socket={tmp_path}/libvirt-sock")
    (without,) = daemon.findings(to)
    assert "no libvirt on this machine" in without.text
    modular.touch()
    (beside,) = daemon.findings(to)
    assert beside.text.endswith("sudo systemctl enable --now virtproxyd.socket")


def test_a_session_without_a_socket_is_not_what_the_plugin_dials() -> None:
    (finding,) = daemon.findings(way("qemu:///session"))
    assert SOCKET in finding.text
    assert "write qemu:///system" in finding.text


def test_a_libvirt_that_listens_is_good(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(tmp_path / "sock"))
        server.listen()
        assert list(daemon.findings(way(f"qemu:///system?socket={tmp_path}/sock"))) == []
    with socket.create_server(("127.0.0.1", 0)) as tcp:
        port = tcp.getsockname()[1]
        assert list(daemon.findings(way(f"qemu+tcp://127.0.0.1:{port}/system"))) == []


def test_an_engine_that_is_not_there_is_named(tmp_path: Path) -> None:
    (tmp_path / "pulumi").touch(mode=0o755)
    assert only(engine.check_engine(str(tmp_path))) == (
        "pulumi-language-python is not on PATH: make tools"
    )


def test_plugins_are_found_on_path_and_in_pulumis_home(tmp_path: Path) -> None:
    environment = {"PATH": str(tmp_path), "PULUMI_HOME": str(tmp_path / "home")}
    wanted = {"libvirt": "0.5.4", "talos": "0.8.1"}
    (tmp_path / "pulumi-resource-libvirt").touch(mode=0o755)
    (talos,) = engine.plugins(wanted, environment)
    assert not talos.stops
    assert talos.text.endswith(
        "pulumi plugin install resource talos 0.8.1 --server github://api.github.com/pulumiverse"
    )
    kept = tmp_path / "home/plugins/resource-talos-v0.8.1/pulumi-resource-talos"
    kept.parent.mkdir(parents=True)
    kept.touch()
    assert list(engine.plugins(wanted, environment)) == []


def test_an_sdk_that_is_not_installed_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine, "SDKS", {"libvirt": "pulumi-of-nobody"})
    text = only(engine.check_plugins(cluster=False))
    assert text.startswith("pulumi-of-nobody is not installed in .venv: ")


def test_plugins_that_may_not_be_downloaded_stop_up(tmp_path: Path) -> None:
    environment = {
        "PATH": str(tmp_path),
        "PULUMI_HOME": str(tmp_path),
        "PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION": "1",
    }
    (finding,) = engine.plugins({"libvirt": "0.5.4"}, environment)
    assert finding.stops
