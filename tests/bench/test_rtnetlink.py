import struct
from ipaddress import IPv4Address, IPv4Interface, IPv4Network

from bench import rtnetlink


def test_every_message_says_how_long_it_is_and_is_aligned() -> None:
    messages = [
        rtnetlink.bridge(2, "switch"),
        rtnetlink.veth(3, "p1", rtnetlink.far_end(2, "eth0", "02:00:00:00:00:01", 9), master=2),
        rtnetlink.up(1),
        rtnetlink.enslave(2, 20),
        rtnetlink.address(2, IPv4Interface("10.1.1.1/24")),
        rtnetlink.route(IPv4Network("0.0.0.0/0"), IPv4Address("10.1.1.1"), None),
        rtnetlink.neighbor(2, IPv4Address("10.1.1.2"), "02:00:00:00:00:02"),
    ]

    for message in messages:
        assert struct.unpack_from("=I", message) == (len(message),)
        assert len(message) % 4 == 0


def test_an_address_is_one_that_ip_would_have_set() -> None:
    message = rtnetlink.address(7, IPv4Interface("10.1.1.1/24"))

    assert message[16:24] == struct.pack("=BBBBI", 2, 24, 0, 0, 7)
    assert message[24:] == (b"\x08\0\x02\0\x0a\x01\x01\x01" + b"\x08\0\x01\0\x0a\x01\x01\x01")


def test_a_route_with_neither_gateway_nor_link_is_unreachable() -> None:
    nowhere = rtnetlink.route(IPv4Network("10.128.0.0/24"), None, None)
    onto_a_link = rtnetlink.route(IPv4Network("10.128.0.10/32"), None, 100)

    assert (nowhere[22], nowhere[23]) == (0, 7)
    assert (onto_a_link[22], onto_a_link[23]) == (253, 1)
