"""What BIRD says of refused routes and limits, and how it is said to people."""

from ipaddress import IPv4Network

import pytest

from config.load import load
from config.plan import make_plan
from verify.announcements import Refused, limits_reached, of_router, refused
from verify.model import Check

PLAN = make_plan(load({"datacentres": [{"nodes": 2}, {}, {}], "full_mesh_limit": 2}))

#: As BIRD 2.0.12 prints it.
FILTERED = """\
Table master4:
0.0.0.0/0            unicast [node_dc1_worker1 12:24:43.250] * (100) [AS65001?]
\tvia 10.1.1.21 on br-lan
\tType: BGP univ
\tBGP.origin: Incomplete
\tBGP.as_path: 65001
\tBGP.next_hop: 10.1.1.21
\tBGP.local_pref: 100
10.112.0.8/32        unicast [node_dc1_worker1 12:24:43.315 from 10.1.1.21] * (100) [AS65001?]
\tvia 10.1.1.11 on br-lan
\tType: BGP univ
\tBGP.as_path: 65001 65003
\tBGP.next_hop: 10.1.1.11
                     unicast [router_dc2_router1 12:24:43.219] (100) [i]
\tvia 172.30.0.3 on eth2
\tType: BGP univ
\tBGP.origin: IGP
\tBGP.as_path:
\tBGP.next_hop: 172.30.0.3
"""

PROTOCOLS = """\
Name       Proto      Table      State  Since         Info
device1    Device     ---        up     2026-11-22 12:24:42.874
node_dc1_worker1 BGP        ---        up     2026-11-22 12:24:42.874  Established
  BGP state:          Established
  Channel ipv4
    Receive limit:  1024 [HIT]
      Action:       block
    Import limit:   256 [HIT]
      Action:       block
node_dc1_controlplane1 BGP        ---        start  2026-11-22 12:24:42.874  Idle
  BGP state:          Idle
    Last error:       Automatic shutdown: Route limit exceeded
  Channel ipv4
    Import limit:   256
"""


def test_refused_routes_are_read_with_their_sessions() -> None:
    worker, router = "node_dc1_worker1", "router_dc2_router1"
    assert list(refused(FILTERED.splitlines())) == [
        Refused(worker, IPv4Network("0.0.0.0/0"), (65001,), "10.1.1.21"),
        Refused(worker, IPv4Network("10.112.0.8/32"), (65001, 65003), "10.1.1.11"),
        Refused(router, IPv4Network("10.112.0.8/32"), (), "172.30.0.3"),
    ]


def test_limits_that_were_reached_are_read_with_their_sessions_and_the_remedy() -> None:
    remedy = "refused (`birdc restart node_dc1_worker1` once it has fewer)"
    assert limits_reached(PROTOCOLS.splitlines()) == {
        "node_dc1_worker1": [
            f"offers 1024 routes or more: what came after was {remedy}",
            f"announces 256 routes or more: what came after was {remedy}",
        ],
        "node_dc1_controlplane1": ["had more routes than its limit: the session was ended"],
    }


def said(session: str, prefix: str, as_path: tuple[int, ...], next_hop: str) -> list[str]:
    route = Refused(session, IPv4Network(prefix), as_path, next_hop)
    found = list(of_router(PLAN, PLAN.routers[0], [route], {}))
    assert {(f.machine, f.check) for f in found} == {("dc1-router1", Check.ANNOUNCEMENTS)}
    return [f.message for f in found]


@pytest.mark.parametrize(
    ("prefix", "words"),
    [
        ("0.0.0.0/0", "the default route"),
        ("10.129.11.0/24", "10.129.11.0/24, the pods of dc1-controlplane1"),
        ("10.129.99.0/24", "10.129.99.0/24, among the pods of dc1"),
        ("10.1.2.0/24", "10.1.2.0/24, of the LAN of dc2"),
        ("10.112.0.0/24", "10.112.0.0/24, which nobody may announce"),
        ("192.0.2.0/24", "192.0.2.0/24, which is not of the fabric"),
    ],
)
def test_a_refused_prefix_is_said_to_be_whose_it_is(prefix: str, words: str) -> None:
    assert said("node_dc1_worker1", prefix, (65001,), "10.1.1.21") == [
        f"dc1-worker1 (10.1.1.21) announces {words}: refused"
    ]


def test_a_path_is_too_long_and_a_next_hop_another_for_whom_they_are() -> None:
    vip, worker = "10.112.0.8/32", "node_dc1_worker1"
    assert said(worker, vip, (65001, 65003), "10.1.1.21") == [
        f"dc1-worker1 (10.1.1.21) announces {vip} by a path of 2 ASes (65001 65003): refused"
    ]
    assert said(worker, vip, (65001,), "10.1.1.11") == [
        f"dc1-worker1 (10.1.1.21) announces {vip} with the next hop 10.1.1.11, which is not "
        "itself: refused"
    ]


def test_many_refused_routes_are_counted_and_not_all_named() -> None:
    networks = list(IPv4Network("192.0.2.0/24").subnets(new_prefix=28))
    routes = [Refused("node_dc1_worker1", n, (65001,), "10.1.1.21") for n in networks]
    found = [str(f) for f in of_router(PLAN, PLAN.routers[0], routes, {})]
    assert len(found) == 6
    assert found[-1] == (
        "dc1-router1: dc1-worker1 (10.1.1.21) announces 11 more routes that are not its own: "
        "refused"
    )
