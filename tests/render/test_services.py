"""Services of the demo, in each family that the fabric has."""

from typing import Any

import pytest
import yaml

from render import services
from render.artifacts import render
from tests.render.plans import planned, texts_of

# Documents are YAML, which is untyped by nature.
Written = dict[str, Any]

PREFIX = "fd75:6e64:6572"
V4, BOTH, V6 = ["ipv4"], ["ipv4", "ipv6"], ["ipv6"]


def service(families: list[str], **settings: object) -> Written:
    """The Service of a demo of one."""
    plan = planned({"families": families, "load_balancing": {"demo": True, **settings}})
    (found,) = render(plan).demo
    return found.service


@pytest.mark.parametrize(
    ("families", "policy", "named", "wanted"),
    [
        (V4, "SingleStack", ["IPv4"], "10.112.0.1"),
        (BOTH, "RequireDualStack", ["IPv4", "IPv6"], f"10.112.0.1,{PREFIX}:70::1"),
        (BOTH[::-1], "RequireDualStack", ["IPv6", "IPv4"], f"{PREFIX}:70::1,10.112.0.1"),
        (V6, "SingleStack", ["IPv6"], f"{PREFIX}:70::1"),
    ],
)
def test_a_service_asks_for_an_address_of_each_family_in_their_order(
    families: list[str], policy: str, named: list[str], wanted: str
) -> None:
    found = service(families)
    assert found["spec"]["ipFamilyPolicy"] == policy
    assert found["spec"]["ipFamilies"] == named
    assert found["metadata"]["annotations"] == {"lbipam.cilium.io/ips": wanted}


@pytest.mark.parametrize(
    ("families", "cluster_ips", "external_ips"),
    [
        (V4, ["10.96.0.11"], ["10.114.0.1"]),
        (BOTH[::-1], [f"{PREFIX}:60::b", "10.96.0.11"], [f"{PREFIX}:72::1", "10.114.0.1"]),
        (V6, [f"{PREFIX}:60::b"], [f"{PREFIX}:72::1"]),
    ],
)
def test_addresses_that_are_announced_are_spelt_out_in_each_family(
    families: list[str], cluster_ips: list[str], external_ips: list[str]
) -> None:
    spec = service(families, announce=["ClusterIP", "ExternalIP"])["spec"]
    assert spec["clusterIPs"] == cluster_ips
    assert spec["clusterIP"] == cluster_ips[0], "Kubernetes refuses any other"
    assert spec["externalIPs"] == external_ips
    assert "clusterIP" not in service(families)["spec"], "Kubernetes chooses"


def test_a_pool_has_a_block_in_each_family_for_the_same_services() -> None:
    settings = {"pools": "per-datacentre"}
    plan = planned({"families": BOTH, "datacentres": 2, "load_balancing": settings})
    documents = [yaml.safe_load(texts_of(plan)[f"pool-{number}.yaml"])["spec"] for number in (1, 2)]
    assert [item["blocks"] for item in documents] == [
        [{"cidr": f"10.112.{number}.0/24"}, {"cidr": f"{PREFIX}:70::{number}00/120"}]
        for number in (1, 2)
    ]


@pytest.mark.parametrize(
    ("own", "lengths"),
    [
        ({}, {}),
        ({"aggregation_length": 24}, {"aggregationLengthIPv4": 24}),
        ({"ipv6": {"aggregation_length": 120}}, {"aggregationLengthIPv6": 120}),
        (
            {"aggregation_length": 24, "ipv6": {"aggregation_length": 120}},
            {"aggregationLengthIPv4": 24, "aggregationLengthIPv6": 120},
        ),
    ],
)
def test_each_family_is_aggregated_by_its_own_length(
    own: dict[str, object], lengths: dict[str, int]
) -> None:
    entry = services.advertisement(planned({"families": BOTH, "load_balancing": own}))
    assert entry
    assert entry["service"] == {"addresses": ["LoadBalancerIP"], **lengths}


def test_there_is_an_endpoint_slice_for_each_family_and_ipv4s_keeps_its_name() -> None:
    def slices(families: list[str]) -> list[tuple[str, str, str]]:
        (found,) = render(planned({"families": families, "load_balancing": {"demo": True}})).demo
        documents = [yaml.safe_load(yaml.safe_dump(item)) for item in found.endpoint_slices]
        return [
            (item["metadata"]["name"], item["addressType"], item["endpoints"][0]["addresses"][0])
            for item in documents
        ]

    ipv4 = ("nginx", "IPv4", "10.129.21.10")
    ipv6 = ("nginx-ipv6", "IPv6", f"{PREFIX}:8115::a")
    assert slices(V4) == [ipv4]
    assert slices(BOTH) == [ipv4, ipv6]
    assert slices(V6) == [ipv6]


@pytest.mark.parametrize(
    ("families", "listens"),
    [(V4, ["80"]), (BOTH, ["80", "[::]:80"]), (V6, ["[::]:80"])],
)
def test_nginx_listens_in_each_family_and_in_no_other(
    families: list[str], listens: list[str]
) -> None:
    """Where IPv6 is off, it could not listen there, and would not start."""
    plan = planned({"families": families, "load_balancing": {"demo": True}})
    config_map, *_ = yaml.safe_load_all(texts_of(plan)["demo-nginx.yaml"])
    lines = config_map["data"]["default.conf.template"].splitlines()
    found = [line.split()[1].rstrip(";") for line in lines if line.strip().startswith("listen")]
    assert found == listens
