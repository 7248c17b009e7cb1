import re

import pytest

from twin import iproute
from twin.iproute import IpError

pytestmark = pytest.mark.twin


def test_a_batch_is_run_in_order(namespace: str) -> None:
    iproute.batch(
        namespace,
        ["link add br0 type bridge", "link set br0 up", "address add 10.0.0.1/24 dev br0"],
    )
    ((device,),) = iproute.query(namespace, ["address show br0"])
    assert device["ifname"] == "br0"


def test_an_empty_batch_does_nothing_at_all() -> None:
    iproute.batch("test-nobody", [])


def test_each_query_has_its_answer(namespace: str) -> None:
    iproute.batch(namespace, ["link set lo up", "route add unreachable 10.0.0.0/8"])
    links, routes, neighbors = iproute.query(
        namespace, ["link show", "route show", "neighbor show"]
    )
    assert [link["ifname"] for link in links] == ["lo"]
    assert [route["dst"] for route in routes] == ["10.0.0.0/8"]
    assert neighbors == []


@pytest.mark.parametrize(
    ("command", "words"),
    [
        ("link set nobody up", 'Cannot find device "nobody"'),
        ("route add 10.0.0.0/8 via 192.168.0.1", "Nexthop has invalid gateway"),
        ("nonsense", 'Object "nonsense" is unknown'),
        ("address del 10.0.0.1/24 dev lo", "Address not found"),
    ],
)
def test_a_command_that_is_refused_is_named_with_the_reason(
    namespace: str, command: str, words: str
) -> None:
    expected = f"in namespace {namespace}, ip refused `{command}`: "
    with pytest.raises(IpError, match=re.escape(expected)) as refused:
        iproute.batch(namespace, ["link set lo up", command, "link set lo down"])
    assert words in str(refused.value)


@pytest.mark.parametrize(
    "command", ["neighbor del 10.0.0.9 dev lo", "address add 10.0.0.300/24 dev lo"]
)
def test_where_ip_does_not_say_which_command_it_was_it_is_not_called_a_query(
    namespace: str, command: str
) -> None:
    with pytest.raises(IpError) as refused:
        iproute.batch(namespace, ["link set lo up", command])
    assert "query" not in str(refused.value)


def test_what_comes_after_a_refused_command_is_not_run(namespace: str) -> None:
    with pytest.raises(IpError):
        iproute.batch(namespace, ["link set nobody up", "link add br0 type bridge"])
    (links,) = iproute.query(namespace, ["link show"])
    assert [link["ifname"] for link in links] == ["lo"]
