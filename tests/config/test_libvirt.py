"""The settings of the libvirt substrate: defaults that work, and refusals that help."""

from ipaddress import IPv4Network

import pytest

from config.errors import ConfigurationError
from config.load import load
from config.plan import make_plan
from render.artifacts import render


def refused(libvirt: dict[str, object], fabric: dict[str, object] | None = None) -> str:
    with pytest.raises(ConfigurationError) as caught:
        load(fabric, libvirt=libvirt, substrate="libvirt")
    return str(caught.value)


@pytest.mark.parametrize(
    ("libvirt", "complaint"),
    [
        ({"uri": "xen:///system"}, "libvirt.uri xen:///system is no URI of libvirt's QEMU driver"),
        ({"uri": "qemu+libssh2://a@b/system"}, "is no URI of libvirt's QEMU driver: write qemu:"),
        ({"uri": "qemu+ssh://fra/system"}, "qemu+ssh://fra/system names no user: write qemu+ssh:"),
        ({"pool": "vms"}, "libvirt.pool vms is no absolute path: write a folder"),
        ({"pool": "/"}, "libvirt.pool / is no absolute path"),
        ({"wan": {"bridge": "a bridge"}}, "libvirt.wan.bridge a bridge is no name of an interface"),
        ({"cilium": {"version": "latest"}}, "libvirt.cilium.version latest is no version"),
        ({"controlplane": {"memory": 1024}}, "libvirt.controlplane.memory 1024 is too small"),
        ({"worker": {"disk": 5}}, "libvirt.worker.disk 5 is too small: write 10 or more"),
        ({"tipe": "kvm"}, "libvirt.tipe is not a setting: did you mean type?"),
    ],
)
def test_what_could_never_work_is_refused(libvirt: dict[str, object], complaint: str) -> None:
    assert complaint in refused(libvirt)


def test_several_hosts_need_bridges_that_join_them() -> None:
    fabric: dict[str, object] = {"datacentres": [{}, {"libvirt_uri": "qemu+ssh://root@fra/system"}]}
    message = refused({}, fabric)
    for network in ("wan", "peering"):
        assert f"libvirt.{network}.bridge is not given, and fabric.datacentres[1]" in message
    bridges = {"wan": {"bridge": "br-wan"}, "peering": {"bridge": "br-peering"}}
    assert load(fabric, libvirt=bridges, substrate="libvirt").libvirt.wan.bridge == "br-wan"
    assert load(fabric).fabric.datacentres[1].libvirt_uri  # the twin does not mind


def test_the_host_may_come_in_on_libvirt_and_nobody_on_the_twin() -> None:
    assert make_plan(load()).management == ()
    assert make_plan(load(substrate="libvirt")).management == (IPv4Network("172.31.0.1/32"),)
    chosen = load({"management": ["192.0.2.0/24"]}, substrate="libvirt")
    assert make_plan(chosen).management == (IPv4Network("192.0.2.0/24"),)


def test_a_version_may_have_its_v() -> None:
    assert load(libvirt={"cilium": {"version": "v1.20.0"}}).libvirt.cilium.version == "1.20.0"


def test_a_substrate_that_is_none_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="substrate"):
        load(substrate="xen")


def test_without_a_cluster_there_are_routers_and_no_nodes_to_speak_with() -> None:
    alone = make_plan(load(libvirt={"cluster": False}, substrate="libvirt"))
    assert alone.nodes == ()
    assert {name: [s.neighbor_name for s in ends] for name, ends in alone.sessions.items()} == {
        "dc1-router1": ["dc2-router1"],
        "dc2-router1": ["dc1-router1"],
    }
    assert alone.routers == make_plan(load(substrate="libvirt")).routers
    assert make_plan(load(libvirt={"cluster": False})).nodes, "the twin has nodes anyway"


def test_a_router_that_is_all_alone_has_no_sessions() -> None:
    alone = make_plan(load({"datacentres": 1}, libvirt={"cluster": False}, substrate="libvirt"))
    assert alone.sessions == {"dc1-router1": ()}
    assert "protocol bgp" not in render(alone).routers["dc1-router1"].files["/etc/bird.conf"]
