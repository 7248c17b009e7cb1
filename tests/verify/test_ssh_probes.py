"""What a router says of itself, as it says it: BIRD 2.0.12 and iproute2 6.1."""

import pytest

from verify.ssh_probes import sessions, table

PROTOCOLS = """\
BIRD 2.0.12 ready.
Name       Proto      Table      State  Since         Info
device1    Device     ---        up     2026-11-22 09:48:09.426  

kernel1    Kernel     master4    up     2026-11-22 09:48:09.426  
  Channel ipv4
    State:          UP
    Table:          master4
    Input filter:   REJECT
    Output filter:  to_kernel

router_dc2_router1 BGP        ---        up     2026-11-22 09:48:10.245  Established   
  BGP state:          Established
    Neighbor address: 172.30.0.3
    Neighbor AS:      65000
    Local AS:         65000
    Neighbor ID:      10.1.2.2
  Channel ipv4
    State:          UP
    BGP Next hop:   172.30.0.1

node_dc1_worker1 BGP        ---        start  2026-11-22 09:48:09.426  Connect       
  BGP state:          Connect
    Neighbor address: 10.1.1.41
    Neighbor AS:      65001
  Channel ipv4
    State:          DOWN
"""  # noqa: W291 (BIRD's own spaces)

ROUTES = """[
{"dst":"default","gateway":"172.31.0.1","dev":"eth1","flags":[]},
{"type":"unreachable","dst":"10.0.0.0/8","dev":"lo","protocol":"bird","metric":32,"flags":[]},
{"dst":"10.1.1.0/24","dev":"br-lan","protocol":"kernel","scope":"link","prefsrc":"10.1.1.2","flags":[]},
{"dst":"10.1.2.0/24","protocol":"bird","prefsrc":"10.1.1.2","metric":32,"flags":[],"nexthops":[
 {"gateway":"172.30.0.3","dev":"eth2","weight":1,"flags":[]},
 {"gateway":"172.30.0.4","dev":"eth2","weight":1,"flags":[]}]}
]"""


def test_sessions_go_by_the_neighbors_address() -> None:
    assert sessions(PROTOCOLS) == {"172.30.0.3": "Established", "10.1.1.41": "Connect"}


@pytest.mark.parametrize("said", ["", "Unable to connect to server control socket: refused\n"])
def test_a_bird_that_is_down_has_no_sessions(said: str) -> None:
    assert sessions(said) == {}


def test_every_way_of_a_route_counts() -> None:
    assert table(ROUTES) == {
        "default": {"172.31.0.1"},
        "10.0.0.0/8": {"unreachable"},
        "10.1.1.0/24": {"br-lan"},
        "10.1.2.0/24": {"172.30.0.3", "172.30.0.4"},
    }
