"""Which address a service gets, as Cilium's operator would give it."""

from collections.abc import Collection
from typing import Any

import pytest

from config.families import Family
from config.load import load
from config.plan import make_plan
from render.artifacts import render
from twin import lb_ipam

# Manifests are YAML, which is untyped by nature.
Written = dict[str, Any]


def pool(*blocks: str, **spec: object) -> Written:
    written = [{"cidr": block} for block in blocks]
    return {"metadata": {"name": "p"}, "spec": {"blocks": written, **spec}}


def service(
    name: str, *wanted: str, kind: str = "LoadBalancer", labels: dict[str, str] | None = None
) -> Written:
    annotations = {"annotations": {"lbipam.cilium.io/ips": ",".join(wanted)}} if wanted else {}
    return {
        "metadata": {"name": name, "labels": labels or {}, **annotations},
        "spec": {"type": kind},
    }


def given(
    pools: list[Written], *services: Written, families: Collection[Family] = (Family.IPV4,)
) -> dict[str, str]:
    found = lb_ipam.assign(pools, services, families)
    return {name: ",".join(map(str, addresses)) for name, addresses in found.items()}


def test_the_first_address_is_the_networks_own_unless_that_is_kept_out() -> None:
    assert given([pool("10.0.0.0/24")], service("a")) == {"a": "10.0.0.0"}
    assert given([pool("10.0.0.0/24", allowFirstLastIPs="No")], service("a")) == {"a": "10.0.0.1"}


@pytest.mark.parametrize("block", ["10.0.0.0/31", "10.0.0.0/32"])
def test_nothing_is_kept_out_of_what_would_be_empty_then(block: str) -> None:
    assert given([pool(block, allowFirstLastIPs="No")], service("a")) == {"a": "10.0.0.0"}


def test_an_address_that_is_asked_for_is_given_before_any_other() -> None:
    services = service("first"), service("second", "10.0.0.0"), service("third", "10.0.0.9")
    assert given([pool("10.0.0.0/24")], *services) == {
        "first": "10.0.0.1",
        "second": "10.0.0.0",
        "third": "10.0.0.9",
    }


def test_the_smallest_free_block_is_used_up_first() -> None:
    services = service("asks", "10.0.0.3"), service("a"), service("b"), service("c")
    assert given([pool("10.0.0.0/24", allowFirstLastIPs="No")], *services) == {
        "asks": "10.0.0.3",
        "a": "10.0.0.1",
        "b": "10.0.0.2",
        "c": "10.0.0.4",
    }


def test_the_field_of_old_asks_too() -> None:
    asks = service("a")
    asks["spec"]["loadBalancerIP"] = "10.0.0.5"
    assert given([pool("10.0.0.0/24")], asks) == {"a": "10.0.0.5"}


@pytest.mark.parametrize("wanted", ["10.0.1.1", "9.255.255.255"])
def test_what_no_pool_has_is_not_given(wanted: str) -> None:
    assert given([pool("10.0.0.0/24")], service("a", wanted)) == {}


def test_of_two_that_ask_for_the_same_one_gets_it() -> None:
    services = service("a", "10.0.0.5"), service("b", "10.0.0.5")
    assert given([pool("10.0.0.0/24")], *services) == {"a": "10.0.0.5"}


def test_a_pool_is_for_the_services_that_it_selects() -> None:
    pools = [
        pool("10.0.1.0/24", serviceSelector={"matchLabels": {"zone": "ams"}}),
        pool("10.0.2.0/24", serviceSelector={"matchLabels": {"zone": "fra"}}),
    ]
    services = service("a", labels={"zone": "fra"}), service("b"), service("c", "10.0.1.1")
    assert given(pools, *services) == {"a": "10.0.2.0"}


def test_a_full_pool_is_followed_by_the_next_and_a_disabled_one_is_none() -> None:
    pools = [pool("10.0.0.0/24", disabled=True), pool("10.0.1.0/32", "10.0.2.0/32")]
    services = [service(name) for name in "abc"]
    assert given(pools, *services) == {"a": "10.0.1.0", "b": "10.0.2.0"}


def test_a_range_may_be_given_by_its_ends() -> None:
    blocks = {"blocks": [{"start": "10.0.0.7", "stop": "10.0.0.8"}, {"start": "10.0.0.20"}]}
    pools = [{"metadata": {"name": "p"}, "spec": blocks}]
    services = [service(name) for name in "abcd"]
    assert given(pools, *services) == {"a": "10.0.0.7", "b": "10.0.0.8", "c": "10.0.0.20"}


def test_only_services_of_type_load_balancer_get_an_address() -> None:
    assert given([pool("10.0.0.0/24")], service("a", kind="ClusterIP")) == {}


def of_families(name: str, policy: str | None, *families: str) -> Written:
    written = service(name)
    written["spec"] |= {"ipFamilyPolicy": policy} if policy else {}
    written["spec"] |= {"ipFamilies": list(families)} if families else {}
    return written


DUAL_POOL = pool("10.0.0.0/24", "fd00::/120", allowFirstLastIPs="No")


@pytest.mark.parametrize(
    ("policy", "named", "addresses"),
    [
        (None, [], "10.0.0.1"),
        (None, ["IPv6"], "fd00::1"),
        ("SingleStack", ["IPv6"], "fd00::1"),
        ("SingleStack", [], "10.0.0.1"),
        ("PreferDualStack", [], "10.0.0.1,fd00::1"),
        ("PreferDualStack", ["IPv6"], "fd00::1"),
        ("RequireDualStack", ["IPv6", "IPv4"], "10.0.0.1,fd00::1"),
    ],
)
def test_a_service_gets_an_address_of_each_family_that_it_asks_for(
    policy: str | None, named: list[str], addresses: str
) -> None:
    asks = of_families("a", policy, *named)
    assert given([DUAL_POOL], asks, families=tuple(Family)) == {"a": addresses}


def test_a_family_that_is_off_has_no_addresses() -> None:
    asks = of_families("a", "RequireDualStack"), of_families("b", None)
    assert given([DUAL_POOL], *asks, families=[Family.IPV6]) == {"a": "fd00::1", "b": "fd00::2"}


def test_the_first_pool_with_a_block_of_the_family_is_used() -> None:
    pools = [pool("10.0.0.0/24"), pool("fd00::/127", allowFirstLastIPs="No")]
    asks = of_families("a", "RequireDualStack"), of_families("b", "SingleStack", "IPv6")
    assert given(pools, *asks, families=tuple(Family)) == {"a": "10.0.0.0,fd00::", "b": "fd00::1"}


def test_who_asks_for_addresses_gets_those_that_pools_have_of_either_family() -> None:
    asks = service("a", "fd00::7", "10.0.1.9", "10.0.0.9")
    assert given([DUAL_POOL], asks, families=tuple(Family)) == {"a": "fd00::7,10.0.0.9"}


def test_addresses_of_different_families_are_never_the_same() -> None:
    asks = service("a", "10.0.0.1"), of_families("b", "SingleStack", "IPv6")
    pools = [pool("10.0.0.0/24"), pool("::a00:0/120", allowFirstLastIPs="No")]
    assert given(pools, *asks, families=tuple(Family)) == {"a": "10.0.0.1", "b": "::a00:1"}


@pytest.mark.parametrize("families", [["ipv4"], ["ipv4", "ipv6"], ["ipv6", "ipv4"], ["ipv6"]])
@pytest.mark.parametrize("pools", ["fabric", "per-datacentre"])
def test_what_is_rendered_gets_the_addresses_of_the_plan(pools: str, families: list[str]) -> None:
    demo = [{"datacentre": "dc2"}, {"name": "b", "datacentre": "dc1"}]
    fabric = {"families": families, "load_balancing": {"pools": pools, "demo": demo}}
    plan = make_plan(load(fabric))
    artifacts = render(plan)
    services = [item.service for item in artifacts.demo]
    assert given(list(artifacts.pools), *services, families=plan.families) == {
        service.name: ",".join(map(str, service.vips)) for service in plan.load_balancing.demo
    }
