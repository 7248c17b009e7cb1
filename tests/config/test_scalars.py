"""Each scalar refuses what could never work, names it, and says what would."""

import pytest

from config.load import load
from tests.config.refusals import refusals

_LABEL = "use lower-case letters, digits and hyphens, with no hyphen at either end"


@pytest.mark.parametrize("name", ["Ams", "ams_1", "-ams", "ams-", "am.s", "", "ümlaut", "ams 1"])
def test_a_name_that_is_no_dns_label_is_refused(name: str) -> None:
    assert refusals({"datacentres": [{}, {"name": name}]}) == [
        f"fabric.datacentres[1].name {name} is not a DNS label: {_LABEL}"
    ]


def test_a_name_that_ends_in_a_line_break_is_refused() -> None:
    with pytest.raises(ValueError, match="is not a DNS label"):
        load({"datacentres": [{"name": "ams\n"}]})


def test_a_name_that_leaves_no_room_for_the_machines_is_refused() -> None:
    load({"datacentres": [{"name": "a" * 32}]})
    assert refusals({"datacentres": [{"name": "a" * 33}]}) == [
        f"fabric.datacentres[0].name {'a' * 33} is 33 characters long: "
        "use at most 32, since longer names are made of it"
    ]


def test_the_clusters_name_is_a_dns_label_too() -> None:
    assert refusals({"cluster": "My Cluster"}) == [
        f"fabric.cluster My Cluster is not a DNS label: {_LABEL}"
    ]


_PREFIX = "is not a prefix: write an IPv4 prefix such as 10.1.0.0/16"
_IPV6 = "is IPv6, and this field takes IPv4: write a prefix such as 10.1.0.0/16"


@pytest.mark.parametrize(
    ("written", "complaint"),
    [
        ("fd00::/64", _IPV6),
        ("::ffff:10.1.0.0/112", _IPV6),
        ("10.1.0.1/16", "has bits set behind its prefix length: write 10.1.0.0/16"),
        ("10.1.0.0", _PREFIX),
        ("10.1.0.0/33", _PREFIX),
        ("10.1.0/24", _PREFIX),
        ("10.1.0.0/", _PREFIX),
        ("ten/8", _PREFIX),
        (10, _PREFIX),
        (["10.1.0.0/16"], _PREFIX),
        ("127.0.0.0/16", "cannot be given to machines: use a prefix of RFC 1918"),
        ("169.254.0.0/16", "cannot be given to machines: use a prefix of RFC 1918"),
        ("224.0.0.0/8", "cannot be given to machines: use a prefix of RFC 1918"),
        ("100.64.0.0/16", "cannot be routed: use a prefix of RFC 1918"),
    ],
)
@pytest.mark.parametrize("field", ["lans", "pods", "services", "vips", "egress", "peering", "wan"])
def test_what_is_no_ipv4_network_for_machines_is_refused(
    field: str, written: object, complaint: str
) -> None:
    assert refusals({field: written}) == [f"fabric.{field} {written} {complaint}"]


def test_a_datacentres_own_lan_is_judged_alike() -> None:
    assert refusals({"datacentres": [{"lan": "192.168.1.1/24"}]}) == [
        "fabric.datacentres[0].lan 192.168.1.1/24 has bits set behind its prefix length: "
        "write 192.168.1.0/24"
    ]


_PRIVATE = "use a private one, 64512 to 65534 or 4200000000 to 4294967294 (RFC 6996)"


@pytest.mark.parametrize(
    ("number", "why"),
    [
        (0, "reserved by RFC 7607"),
        (23456, "AS_TRANS, reserved by RFC 6793"),
        (64496, "for documentation, RFC 5398"),
        (64511, "for documentation, RFC 5398"),
        (65535, "reserved by RFC 7300"),
        (65536, "for documentation, RFC 5398"),
        (65551, "for documentation, RFC 5398"),
        (65552, "reserved by IANA"),
        (131071, "reserved by IANA"),
        (4294967295, "reserved by RFC 7300"),
    ],
)
def test_a_reserved_as_number_is_refused(number: int, why: str) -> None:
    complaint = f"{number} is a reserved AS number ({why}): {_PRIVATE}"
    fabric = {
        "asns": {"routers": number},
        "datacentres": [{"router_asn": number}, {"cluster_asn": number}],
    }
    assert refusals(fabric) == [
        f"fabric.datacentres[0].router_asn {complaint}",
        f"fabric.datacentres[1].cluster_asn {complaint}",
        f"fabric.asns.routers {complaint}",
    ]


@pytest.mark.parametrize("number", [-1, 4294967296])
def test_a_number_of_more_than_32_bits_is_no_as_number(number: int) -> None:
    assert refusals({"asns": {"cluster": number}}) == [
        f"fabric.asns.cluster {number} is not an AS number: use 1 to 4294967294 (RFC 6793)"
    ]


@pytest.mark.parametrize("number", [1, 64495, 64512, 65534, 131072, 4200000000, 4294967294])
def test_the_numbers_beside_the_reserved_ones_will_do(number: int) -> None:
    load({"asns": {"routers": number}})


_CHARACTERS = (
    "has characters that configuration files cannot carry: "
    "use printable ASCII without spaces and double quotes"
)
_LENGTH = "has the wrong length: use 1 to 80 characters (RFC 2385, section 4.5)"


@pytest.mark.parametrize(
    ("password", "complaint"),
    [
        ("hush hush", _CHARACTERS),
        ('hush"hush', _CHARACTERS),
        ("hush\nhush", _CHARACTERS),
        ("hush\n", _CHARACTERS),
        ("hüsh", _CHARACTERS),
        ("", _LENGTH),
        ("hush" * 20 + "!", _LENGTH),
        (["hush"], "is not text: put it in quotes"),
        ({"hush": "hush"}, "is not text: put it in quotes"),
        (12345, "is not text: put it in quotes"),
    ],
)
def test_a_password_that_will_not_do_is_refused_unseen(password: object, complaint: str) -> None:
    assert refusals({}, {"peering": password, "datacentres": {"dc1": password}}) == [
        f"passwords.peering {complaint}",
        f"passwords.datacentres.dc1 {complaint}",
    ]


def test_every_other_printable_character_may_be_in_a_password() -> None:
    printable = "".join(map(chr, range(33, 127))).replace('"', "")
    load({}, {"peering": printable[:80], "datacentres": {"dc1": printable[13:]}})
