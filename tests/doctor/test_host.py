"""What the probe prints, read; and a load, shared out."""

from ipaddress import IPv4Address, IPv4Network

import pytest

from doctor.host import Kvm, Route, parse
from doctor.uri import way
from tests.doctor.machines import loads_of

PRINTED = """\
kvm 660 root kvm
virtualisation yes
qemu_user libvirt-qemu libvirt-qemu kvm
qemu yes
memory_total 16777216
memory_available 8388608
disk_folder /srv
disk_available 2048000
folder 700 /srv
folder 755 /
bridge br-wan
bridge br-peering
routes [{"dst":"default","gateway":"192.0.2.1","dev":"eth0"},\
{"dst":"10.1.1.7","gateway":"172.31.0.10","dev":"virbr1"},\
{"dst":"172.31.0.0/22","dev":"virbr1","prefsrc":"172.31.0.1"},\
{"type":"unreachable","dst":"10.9.0.0/16"},\
{"type":"local","dst":"192.0.2.7","dev":"eth0","table":"local"},\
{"dst":"default","gateway":"fe80::1","dev":"eth0"}]
"""


def test_a_host_is_what_the_probe_printed() -> None:
    host = parse("fra", PRINTED)
    assert host.kvm == Kvm(open_to_user=False, open_to_qemu=True)
    assert (host.memory_total, host.memory_available, host.disk_available) == (16384, 8192, 2000)
    assert (host.disk_folder, host.closed_folders) == ("/srv", ("/srv",))
    assert host.bridges == {"br-wan", "br-peering"}
    assert host.routes == (
        Route(IPv4Network("10.1.1.7/32"), "virbr1", IPv4Address("172.31.0.10")),
        Route(IPv4Network("172.31.0.0/22"), "virbr1", source=IPv4Address("172.31.0.1")),
        Route(IPv4Network("10.9.0.0/16"), "?"),
    )


@pytest.mark.parametrize(
    ("kvm", "user", "is_open"),
    [
        ("666 root root", "qemu qemu", True),
        ("660 root kvm", "qemu qemu kvm", True),
        ("660 root kvm", "qemu qemu", False),
        ("640 root kvm", "qemu qemu kvm", False),
        ("600 root root", "root root", True),
    ],
)
def test_kvm_is_open_to_qemu_by_its_mode_and_groups(kvm: str, user: str, is_open: bool) -> None:
    printed = PRINTED.replace("660 root kvm", kvm).replace("libvirt-qemu libvirt-qemu kvm", user)
    found = parse("fra", printed).kvm
    assert found
    assert found.open_to_qemu is is_open


def test_an_answer_that_is_none_is_not_taken_for_a_host() -> None:
    with pytest.raises(LookupError, match="fra does not say its memory_total"):
        parse("fra", "Welcome to fra!\n")


def test_each_host_has_the_load_of_its_datacentres() -> None:
    bridges = {"wan": {"bridge": "w"}, "peering": {"bridge": "p"}}
    fra = "qemu+ssh://root@fra/system"
    datacentres = [{"nodes": 2}, {"nodes": 3, "libvirt_uri": fra}, {"nodes": 1, "libvirt_uri": fra}]
    home, other = loads_of({"datacentres": datacentres}, **bridges)
    assert (home.uri, home.machines, home.memory) == ("qemu:///system", 3, 256 + 2 * 2048)
    assert (other.uri, other.machines, other.memory) == (fra, 6, 2 * 256 + 4 * 2048)
    assert other.bridges == ("w", "p")


def test_a_bridge_of_the_second_peering_network_is_needed_where_there_is_that_network() -> None:
    bridges = {"peering": {"bridge": "p"}, "second_peering": {"bridge": "q"}}
    redundancy = {"second_peering": "172.29.0.0/22"}
    (with_it,) = loads_of({"datacentres": 2, "redundancy": redundancy}, **bridges)
    (without,) = loads_of({"datacentres": 2}, **bridges)
    assert (with_it.bridges, without.bridges) == (("p", "q"), ("p",))


def test_only_the_host_that_makes_the_wan_needs_its_ranges() -> None:
    (home,) = loads_of()
    assert {str(network.prefix) for network in home.networks} >= {"172.31.0.0/22", "10.1.2.0/24"}
    (bridged,) = loads_of(wan={"bridge": "w"})
    assert bridged.networks == ()


def test_routers_alone_need_no_more_than_routers_do() -> None:
    (alone,) = loads_of(cluster=False)
    assert (alone.machines, alone.memory, alone.disks) == (2, 512, 224)


def test_a_uri_is_read_as_the_plugin_reads_it() -> None:
    here = way("qemu:///system")
    assert (here.is_local, here.socket) == (True, "/run/libvirt/libvirt-sock")
    there = way("qemu+ssh://me@fra:2222/system?keyfile=/k&knownhosts=/h&socket=/s")
    assert (there.host, there.user, there.port, there.transport) == ("fra", "me", 2222, "ssh")
    assert (there.keyfile, there.known_hosts, there.socket) == ("/k", "/h", "/s")
    assert way("qemu://fra/system").port == 16514
    assert way("qemu+unix:///system?socket=/s").is_local
