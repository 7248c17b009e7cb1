"""By what a router tells that it hears another one: lines as Linux writes them to /proc/net/tcp."""

import re
from ipaddress import IPv4Address, IPv6Address

import pytest

from render.artifacts import render
from render.keepalived import CONFIGURATION, established
from tests.render.plans import planned, two_peerings

PATTERN = established([IPv4Address("172.30.0.1"), IPv4Address("172.29.0.1")])

REST = "00000000:00000000 00:00000000 00000000     0        0 4308815 1 00000000926ffe52 20 4 30"


@pytest.mark.parametrize(
    ("line", "is_heard"),
    [
        pytest.param("01001EAC:B393 02001EAC:00B3 01", True, id="dialled by us"),
        pytest.param("01001EAC:00B3 03001EAC:82CD 01", True, id="dialled by the other"),
        pytest.param("01001DAC:00B3 03001DAC:82CD 01", True, id="on the second network"),
        pytest.param("00000000:00B3 00000000:0000 0A", False, id="BIRD listens"),
        pytest.param("01001EAC:C659 03001EAC:00B3 02", False, id="being dialled"),
        pytest.param("01001EAC:00B3 03001EAC:82CD 06", False, id="ended a moment ago"),
        pytest.param("0201010A:C731 0B01010A:049B 01", False, id="with a node"),
        pytest.param("0201010A:00B3 0B01010A:C731 01", False, id="with a node that dialled"),
        pytest.param("01001EAC:0016 03001EAC:82CD 01", False, id="something else than BGP"),
    ],
)
def test_another_router_is_heard_by_an_established_connection(line: str, is_heard: bool) -> None:
    assert bool(re.search(PATTERN, f"   1: {line} {REST}")) == is_heard


def test_the_pattern_is_one_word_to_keepalived() -> None:
    assert not re.search(r"[\s\"']", PATTERN)


def test_the_first_router_is_below_the_second_when_it_hears_nobody_and_first_among_the_deaf() -> (
    None
):
    first, second = (
        int(
            re.findall(
                r"priority (\d+)", render(two_peerings()).routers[name].files[CONFIGURATION]
            )[0]
        )
        for name in ("dc1-router1", "dc1-router2")
    )
    text = render(two_peerings()).routers["dc1-router1"].files[CONFIGURATION]
    weight = int(re.findall(r"weight (-\d+)", text)[0])
    assert first + weight < second < first
    assert max(1, second + weight) < first + weight


def test_without_ipv4_a_connection_of_ipv6_tells_whether_a_router_hears() -> None:
    """As the kernel prints ::1 of port 179: in words of the processor's order of bytes."""
    listed = (
        "   0: 00000000000000000000000001000000:00B3 "
        "00000000000000000000000001000000:C350 01 00000000:00000000"
    )
    pattern = established([IPv6Address("::1")])
    assert re.search(pattern, listed)
    assert not re.search(pattern, listed.replace(" 01 ", " 0A "))
    plan = planned({"families": ["ipv6"], "datacentres": [{"routers": 2}]})
    text = render(plan).routers["dc1-router1"].files[CONFIGURATION]
    assert "/proc/net/tcp6" in text
