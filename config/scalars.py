"""The scalar types of the schema: each refuses what could never work, and says what would."""

from __future__ import annotations

import re
from ipaddress import (
    AddressValueError,
    IPv4Address,
    IPv4Network,
    IPv6Address,
    IPv6Network,
    NetmaskValueError,
    ip_address,
    ip_network,
)
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, Field, SecretStr
from pydantic_core import PydanticCustomError

from config.families import Family

_DNS_LABEL = re.compile(r"[a-z0-9]([a-z0-9-]*[a-z0-9])?")
# The transports that libvirt's plugin knows (terraform-provider-libvirt, connection_uri.go).
_LIBVIRT_URI = re.compile(r"qemu(\+(unix|ssh|tcp|tls))?://[^\s]*/(system|session)(\?\S*)?")

#: A datacentre's name begins the names of its machines, which are DNS labels of at most 63
#: characters (RFC 1123, section 2.1); `-controlplane1` and the twin's `-pod100` must still fit.
LONGEST_DATACENTRE_NAME = 32

_RESERVED_ASNS = (
    (0, 0, "reserved by RFC 7607"),
    (23456, 23456, "AS_TRANS, reserved by RFC 6793"),
    (64496, 64511, "for documentation, RFC 5398"),
    (65535, 65535, "reserved by RFC 7300"),
    (65536, 65551, "for documentation, RFC 5398"),
    (65552, 131071, "reserved by IANA"),
    (4294967295, 4294967295, "reserved by RFC 7300"),
)

#: What can be given to machines: global unicast and unique local (RFC 4291, section 2.4; RFC 4193).
_IPV6_UNICAST = (IPv6Network("2000::/3"), IPv6Network("fc00::/7"))


def refusal(reason: str, remedy: str) -> PydanticCustomError:
    """An error that carries its reason and its remedy separately through pydantic."""
    return PydanticCustomError(
        "refused", "{reason}: {remedy}", {"reason": reason, "remedy": remedy}
    )


def _dns_label(value: str) -> str:
    if not _DNS_LABEL.fullmatch(value):
        raise refusal(
            "is not a DNS label",
            "use lower-case letters, digits and hyphens, with no hyphen at either end",
        )
    if len(value) > LONGEST_DATACENTRE_NAME:
        raise refusal(
            f"is {len(value)} characters long",
            f"use at most {LONGEST_DATACENTRE_NAME}, since longer names are made of it",
        )
    return value


def _service_name(value: str) -> str:
    if not value[0].isalpha():
        raise refusal(
            "does not begin with a letter, as Kubernetes wants of a Service (RFC 1035)",
            f"write s{value}, or another name",
        )
    if value == "kubernetes":
        raise refusal("is the API server's own Service", "give it another name")
    return value


def _usable_asn(value: int) -> int:
    if not 0 <= value <= 4294967295:
        raise refusal("is not an AS number", "use 1 to 4294967294 (RFC 6793)")
    for first, last, why in _RESERVED_ASNS:
        if first <= value <= last:
            raise refusal(
                f"is a reserved AS number ({why})",
                "use a private one, 64512 to 65534 or 4200000000 to 4294967294 (RFC 6996)",
            )
    return value


def _ipv4_network(value: object) -> IPv4Network:
    if isinstance(value, IPv4Network):
        return value
    network = _network(value, "an IPv4 prefix such as 10.1.0.0/16")
    if isinstance(network, IPv6Network):
        raise refusal("is IPv6, and this field takes IPv4", "write a prefix such as 10.1.0.0/16")
    _no_host_bits(value, network)
    if not network.is_private and not network.is_global:
        raise refusal("cannot be routed", "use a prefix of RFC 1918")
    if network.is_multicast or network.is_loopback or network.is_link_local:
        raise refusal("cannot be given to machines", "use a prefix of RFC 1918")
    return network


def _ipv4_address(value: object) -> IPv4Address:
    if isinstance(value, IPv4Address):
        return value
    try:
        return IPv4Address(value if isinstance(value, str) else "")
    except AddressValueError:
        raise refusal("is not an address", "write an IPv4 address such as 10.112.0.10") from None


def _ipv6_address(value: object) -> IPv6Address:
    if isinstance(value, IPv6Address):
        return value
    try:
        return IPv6Address(value if isinstance(value, str) and "%" not in value else "")
    except AddressValueError:
        raise refusal("is not an address", "write an IPv6 address such as fd00:1::a") from None


def _ipv6_network(value: object) -> IPv6Network:
    if isinstance(value, IPv6Network):
        return value
    network = _network(value, "an IPv6 prefix such as fd00:1::/48")
    if isinstance(network, IPv4Network):
        raise refusal("is IPv4, and this field takes IPv6", "write a prefix such as fd00:1::/48")
    _no_host_bits(value, network)
    if not any(network.subnet_of(unicast) for unicast in _IPV6_UNICAST):
        raise refusal("cannot be given to machines", "use a prefix of fd00::/8 (RFC 4193)")
    return network


def _any_network(value: object) -> IPv4Network | IPv6Network:
    if isinstance(value, str) and ":" in value:
        return _ipv6_network(value)
    return value if isinstance(value, IPv6Network) else _ipv4_network(value)


def _network(value: object, wanted: str) -> IPv4Network | IPv6Network:
    """The network that is written there, whatever its family."""
    if not isinstance(value, str) or "/" not in value or "%" in value:  # a zone: RFC 4007
        raise refusal("is not a prefix", f"write {wanted}")
    try:
        return ip_network(value, strict=False)
    except (AddressValueError, NetmaskValueError, ValueError):
        raise refusal("is not a prefix", f"write {wanted}") from None


def _no_host_bits(value: object, network: IPv4Network | IPv6Network) -> None:
    if ip_address(str(value).split("/", 1)[0]) != network.network_address:
        raise refusal("has bits set behind its prefix length", f"write {network}")


def _password(value: SecretStr) -> SecretStr:
    text = value.get_secret_value()
    if not 1 <= len(text) <= 80:
        raise refusal("has the wrong length", "use 1 to 80 characters (RFC 2385, section 4.5)")
    if not re.fullmatch(r"[!#-~]+", text):
        raise refusal(
            "has characters that configuration files cannot carry",
            "use printable ASCII without spaces and double quotes",
        )
    return value


def _libvirt_uri(value: str) -> str:
    if not _LIBVIRT_URI.fullmatch(value):
        raise refusal(
            "is no URI of libvirt's QEMU driver",
            "write qemu:///system, or qemu+ssh://user@host/system for another machine",
        )
    if value.startswith("qemu+ssh://") and "@" not in value:
        # The plugin's ssh.go asks neither ~/.ssh/config nor the system for one.
        raise refusal("names no user", "write qemu+ssh://root@host/system, or who it is there")
    return value


def _no_boolean(value: object) -> object:
    if isinstance(value, bool):
        raise refusal("is not a whole number", "write a whole number")
    return value


#: A whole number. YAML's booleans are none, although Python's are.
Whole = Annotated[int, BeforeValidator(_no_boolean)]
DnsLabel = Annotated[str, AfterValidator(_dns_label)]
ServiceName = Annotated[DnsLabel, AfterValidator(_service_name)]
Asn = Annotated[Whole, AfterValidator(_usable_asn)]
Prefix = Annotated[IPv4Network, BeforeValidator(_ipv4_network)]
Address = Annotated[IPv4Address, BeforeValidator(_ipv4_address)]
Address6 = Annotated[IPv6Address, BeforeValidator(_ipv6_address)]
Prefix6 = Annotated[IPv6Network, BeforeValidator(_ipv6_network)]
AnyPrefix = Annotated[IPv4Network | IPv6Network, BeforeValidator(_any_network)]
Password = Annotated[SecretStr, AfterValidator(_password)]
LibvirtUri = Annotated[str, AfterValidator(_libvirt_uri)]
Seconds = Annotated[Whole, Field(ge=1, le=65535)]
Milliseconds = Annotated[Whole, Field(ge=1, le=60_000)]

#: The fields of an address that is there once in each family.
OWN_ADDRESS = {Family.IPV4: "address", Family.IPV6: "ipv6_address"}
