"""Neighbors that lie, on a twin: refused, the rest undisturbed, and named by the verification."""

from __future__ import annotations

import re
import socket
from collections.abc import Iterator
from ipaddress import IPv4Address, IPv4Interface
from pathlib import Path

import pytest

from config.families import Family
from render.cilium import LISTEN_PORT
from tests.render.secrets import password
from tests.security.standing import Standing, eventually
from tests.twin.ages import Ages, ages, went_on
from twin import birdc, daemons, gobgp, gobgpd, namespaces
from twin.host import Host
from twin.machine import Nic
from twin.router import BIRD_FILE, control_socket
from verify import announcements, probes, strangers
from verify.compare import differences
from verify.expectations import expectations

pytestmark = [
    pytest.mark.twin,
    pytest.mark.timeout(300),
    pytest.mark.xdist_group("hostile"),  # one twin for all of them
    pytest.mark.filterwarnings("ignore:subprocess .* is still running:ResourceWarning"),
]

HOSTILE, ROUTER = "dc1-worker1", "dc1-router1"
SESSION = "node_dc1_worker1"

#: What is the hostile node's own, and may go with it.
OWN = (HOSTILE, "10.129.21.0/24")


@pytest.fixture
def undisturbed(fabric: Standing) -> Iterator[None]:
    """Before and after the test, all is as planned; and sessions of others have gone on."""
    before = _ages_of_others(fabric)
    yield
    fabric.mend()
    eventually("nothing is refused any more", lambda: not findings(fabric))
    after = _ages_of_others(fabric)
    assert all(went_on(before[router], after[router]) for router in before)


def _ages_of_others(fabric: Standing) -> dict[str, Ages]:
    return {
        router.name: {
            name: age
            for name, age in ages(control_socket(fabric.place(router.name))).items()
            if name.startswith(("node_", "router_")) and name != SESSION
        }
        for router in fabric.plan.routers
    }


def findings(fabric: Standing) -> list[str]:
    """What the verification says of announcements."""
    return [
        str(finding)
        for finding in announcements.findings(
            fabric.plan, probes.ask_routers(fabric.stack, fabric.plan)
        )
    ]


def amiss(fabric: Standing, *, but: tuple[str, ...] = ()) -> list[str]:
    """What of sessions and routing tables is not as planned, but for what has to do with `but`."""
    found = [
        str(finding)
        for expected in expectations(fabric.plan).values()
        for finding in differences(expected, probes.look(fabric.stack, expected))
    ]
    return [text for text in found if not any(word in text for word in but)]


@pytest.mark.usefixtures("undisturbed")
def test_a_node_that_announces_what_is_not_its_own_is_refused_and_named(fabric: Standing) -> None:
    own, longer = ("nexthop", "10.1.1.21"), ("nexthop", "10.1.1.21", "aspath", "65003,65004")
    lies = {
        ("10.129.11.0/24", *own): "10.129.11.0/24, the pods of dc1-controlplane1",
        ("10.130.0.0/20", *own): "10.130.0.0/20, among the pods of dc2",
        ("0.0.0.0/0", *own): "the default route",
        ("10.112.0.7/32", *longer): "10.112.0.7/32 by a path of 3 ASes (65001 65003 65004)",
        ("10.114.0.8/32", *own): "10.114.0.8/32, which is not of the fabric",
    }
    for lie in lies:
        fabric.announce(HOSTILE, *lie)
    said = {f"{ROUTER}: {HOSTILE} (10.1.1.21) announces {what}: refused" for what in lies.values()}
    eventually("every lie is named", lambda: set(findings(fabric)) == said)
    assert amiss(fabric) == [], "not even the liar's own pods are lost"


@pytest.mark.usefixtures("undisturbed")
def test_egress_addresses_are_their_gateways_and_nobody_elses(fabric: Standing) -> None:
    for address in ("10.113.0.1/32", "10.113.0.9/32"):
        fabric.announce(HOSTILE, address, "nexthop", "10.1.1.21")
    begin = f"{ROUTER}: {HOSTILE} (10.1.1.21) announces"
    said = {
        f"{begin} 10.113.0.1/32, the egress address of dc1-controlplane1: refused",
        f"{begin} 10.113.0.9/32, which nobody may announce: refused",
    }
    eventually("both lies are named", lambda: set(findings(fabric)) == said)
    assert amiss(fabric) == []


@pytest.mark.usefixtures("undisturbed")
def test_a_node_that_speaks_for_another_next_hop_is_refused_and_named(fabric: Standing) -> None:
    fabric.announce(HOSTILE, "10.112.0.8/32", "nexthop", "10.1.1.11")
    eventually("the lie is named", lambda: findings(fabric))
    assert findings(fabric) == [
        f"{ROUTER}: {HOSTILE} (10.1.1.21) announces 10.112.0.8/32 with the next hop 10.1.1.11, "
        "which is not itself: refused"
    ]
    assert amiss(fabric) == []


@pytest.mark.usefixtures("undisturbed")
def test_of_ten_thousand_routes_of_a_node_no_more_are_taken_than_its_limit(
    fabric: Standing,
) -> None:
    """GoBGP takes half a minute to announce so many; BIRD, in its place, an instant."""
    place = fabric.place(HOSTILE)
    gobgpd.end(place)
    routes = (f"route {IPv4Address(0x0A700000 + n)}/32 blackhole;" for n in range(10_000))
    flood = place.folder / "flood.conf"
    flood.write_text(
        "router id 10.1.1.21;\nprotocol device { }\n"
        f"protocol static {{ ipv4; {' '.join(routes)} }}\n"
        "protocol bgp flood { local 10.1.1.21 port 1179 as 65001; neighbor 10.1.1.2 as 65000;\n"
        f'  password "{password("dc1")}"; ipv4 {{ import none; export all; next hop self; }}; }}\n'
    )
    command = ["bird", "-f", "-c", str(flood), "-s", str(place.folder / "flood.ctl")]
    daemons.start(place.namespace, command, folder=place.folder, environment={})
    limit = f"{ROUTER}: {HOSTILE} (10.1.1.21) announces 256 routes or more"
    eventually("the limit is named", lambda: any(f.startswith(limit) for f in findings(fabric)))
    shown = fabric.birdc(ROUTER, f"show protocols all {SESSION}")
    assert "Established" in shown, "what is taken stays, and so does the session"
    eventually("its routes are in", lambda: _imported(fabric) == 256)
    elsewhere = birdc.ask(control_socket(fabric.place("dc2-router1")), "show route count")
    assert int(elsewhere[0].split()[0]) < 300
    assert amiss(fabric, but=(*OWN, "10.112.")) == []
    daemons.stop(daemons.running_in(place.folder, "bird"))


def _imported(fabric: Standing) -> int:
    shown = fabric.birdc(ROUTER, f"show protocols all {SESSION}")
    found = re.search(r"Routes: +(\d+) imported", shown)
    return int(found[1]) if found else -1


@pytest.mark.usefixtures("undisturbed")
def test_a_stranger_on_the_lan_gets_no_session(fabric: Standing) -> None:
    place = fabric.place("stranger")
    lan = Nic(fabric.place("dc1-lan").namespace, "02:66:00:00:00:01", {})
    Host(place, (lan,), (IPv4Interface("10.1.1.66/24"),)).build("test")
    gobgpd.keep_running(place, is_new=True)
    with fabric.gobgp("stranger") as client:
        client.start(_speaker("10.1.1.66", None))
        eventually("it is refused", lambda: _notes_about(fabric, ROUTER))
        assert client.sessions()[IPv4Address("10.1.1.2")] != "Established"
    place.release()
    (note,) = _notes_about(fabric, ROUTER)
    assert re.fullmatch(
        r"dc1-router1: \d+ attempts at BGP by the lan from addresses that are not in the plan "
        r"were refused since the firewall was loaded",
        note,
    )
    assert amiss(fabric) == []


@pytest.mark.usefixtures("undisturbed")
def test_a_stranger_on_the_lan_does_not_even_reach_a_nodes_bgp(fabric: Standing) -> None:
    place = fabric.place("stranger")
    lan = Nic(fabric.place("dc1-lan").namespace, "02:66:00:00:00:01", {})
    Host(place, (lan,), (IPv4Interface("10.1.1.66/24"),)).build("test")
    with namespaces.inside(place.namespace):
        dialler = socket.socket()
    with dialler:
        dialler.setblocking(False)
        dialler.connect_ex(("10.1.1.21", LISTEN_PORT))
        notes = eventually("it is dropped", lambda: _notes_about(fabric, HOSTILE))
        with pytest.raises(OSError, match="not connected"):
            dialler.getpeername()
    place.release()
    assert re.fullmatch(
        r"dc1-worker1: \d+ packets of BGP from addresses that are not in the plan were dropped "
        r"since the firewall was loaded",
        notes[0],
    )
    assert amiss(fabric) == []


def _notes_about(fabric: Standing, machine: str) -> list[str]:
    notes = map(str, strangers.notes(fabric.stack, fabric.plan))
    return [note for note in notes if note.startswith(f"{machine}: ")]


@pytest.mark.usefixtures("undisturbed")
def test_who_takes_a_nodes_address_but_not_its_password_gets_no_session(fabric: Standing) -> None:
    gobgpd.end(fabric.place(HOSTILE))
    gobgpd.keep_running(fabric.place(HOSTILE), is_new=True)
    unsigned = _tcp_ext(fabric, "TCPMD5NotFound")
    with fabric.gobgp(HOSTILE) as client:
        client.start(_speaker("10.1.1.21", None))
        eventually("it tried", lambda: _tcp_ext(fabric, "TCPMD5NotFound") > unsigned)
        assert client.sessions()[IPv4Address("10.1.1.2")] != "Established"
    (said,) = (a for a in amiss(fabric) if "session" in a and a.startswith(ROUTER))
    assert said.startswith(f"{ROUTER}: the session with {HOSTILE} (10.1.1.21) is ")
    assert amiss(fabric, but=OWN) == []
    gobgpd.end(fabric.place(HOSTILE))


def _speaker(address: str, secret: str | None) -> gobgp.Speaker:
    """A GoBGP that dials the router, again and again."""
    router = gobgp.Neighbor(
        IPv4Address("10.1.1.2"),
        (Family.IPV4,),
        65000,
        65001,
        179,
        9,
        3,
        connect_retry_time=5,
        restart_time=None,
        password=secret,
    )
    own = IPv4Address(address)
    return gobgp.Speaker(65001, own, 1179, (router,), next_hops=(own,), prefixes=())


def _tcp_ext(fabric: Standing, name: str) -> int:
    """One of the router's counters (the kernel's documentation, snmp_counter)."""
    with namespaces.inside(fabric.place(ROUTER).namespace):
        names, values = (
            line.split()
            for line in Path("/proc/thread-self/net/netstat").read_text().splitlines()
            if line.startswith("TcpExt:")
        )
    return int(dict(zip(names, values, strict=True))[name])


@pytest.mark.usefixtures("undisturbed")
def test_a_source_that_is_elsewhere_gets_no_further_than_the_router(fabric: Standing) -> None:
    dropped = _tcp_ext(fabric, "IPReversePathFilter")
    with namespaces.inside(fabric.place(HOSTILE).namespace):
        forger = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    with forger:
        forger.setsockopt(socket.IPPROTO_IP, socket.IP_TRANSPARENT, 1)
        forger.bind(("10.130.21.10", 0))
        forger.sendto(b"from dc2, or so it says", ("172.31.0.1", 7))
    eventually("it is dropped", lambda: _tcp_ext(fabric, "IPReversePathFilter") > dropped)
    assert amiss(fabric) == []


#: Lets a router announce what is not its own, to whoever hears it.
_LIAR = """
protocol static liar {{
  ipv4 {{ preference 2; }};
  route {lan} blackhole;
  route {pods} blackhole;
}}
"""


@pytest.mark.usefixtures("undisturbed")
def test_datacentres_that_announce_each_others_ranges_are_refused_and_named(
    fabric: Standing,
) -> None:
    theirs = {
        "dc1-router1": {"lan": "10.1.2.0/24", "pods": "10.130.21.0/24"},
        "dc2-router1": {"lan": "10.1.1.0/24", "pods": "10.129.21.0/24"},
    }
    for name, ranges in theirs.items():
        file = fabric.place(name).folder / BIRD_FILE.lstrip("/")
        honest = "filter to_own_as {"
        text = file.read_text().replace(honest, f'{honest} if proto = "liar" then accept;')
        file.write_text(text + _LIAR.format(**ranges))
        fabric.birdc(name, "configure")
    said = {
        "dc1-router1: dc2-router1 (172.30.0.3) announces 10.1.1.0/24, of the LAN of dc1: refused",
        "dc1-router1: dc2-router1 (172.30.0.3) announces 10.129.21.0/24, the pods of dc1-worker1: "
        "refused",
        "dc2-router1: dc1-router1 (172.30.0.1) announces 10.1.2.0/24, of the LAN of dc2: refused",
        "dc2-router1: dc1-router1 (172.30.0.1) announces 10.130.21.0/24, the pods of dc2-worker1: "
        "refused",
    }
    eventually("every lie is named", lambda: set(findings(fabric)) == said)
    assert amiss(fabric) == []


@pytest.mark.usefixtures("undisturbed")
def test_nothing_inside_goes_out_by_the_wan_while_bird_is_down(fabric: Standing) -> None:
    """Without its routes, the router's default route is the only way for them."""
    fabric.birdc("dc2-router1", "disable kernel1")
    with namespaces.inside(fabric.place("dc2-worker1").namespace):
        sender = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    try:
        sender.connect(("10.129.21.10", 7))
        eventually("the router refuses to send it out", lambda: _is_refused(sender))
    finally:
        sender.close()
        fabric.birdc("dc2-router1", "enable kernel1")


def _is_refused(sender: socket.socket) -> bool:
    """An ICMP error of the firewall's (port unreachable) comes back with the next datagram."""
    try:
        sender.send(b"inside")
    except ConnectionRefusedError:
        return True
    except OSError:
        return False
    return False
