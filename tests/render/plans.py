"""Plans to render: some that are looked at closely, and any that the schema allows."""

import functools
from collections.abc import Mapping, Sequence
from typing import Any, cast

from hypothesis import strategies as st

from config.load import load
from config.load_balancing import AddressType
from config.plan import Plan, make_plan
from config.scalars import LONGEST_DATACENTRE_NAME
from config.schema import PodRoutes
from render.artifacts import Artifacts, render
from render.yaml_text import yaml_text
from tests.config.strategies import second_peering
from tests.render.secrets import all_files, opened

NAMES = ("ams", "fra", "lon")


def planned(
    fabric: Mapping[str, object] | None = None, passwords: Mapping[str, object] | None = None
) -> Plan:
    return make_plan(load(fabric, passwords))


@functools.cache
def two_datacentres() -> Plan:
    return planned()


@functools.cache
def pairs_of_routers_with_passwords() -> Plan:
    """Three datacentres with two routers each: more than a full mesh takes, so two reflect."""
    return planned(
        {
            "datacentres": [{"name": name, "routers": 2, "nodes": 2} for name in NAMES],
            "full_mesh_limit": 5,
        },
        {"peering": "of-the-routers", "datacentres": {name: f"of-{name}" for name in NAMES}},
    )


@functools.cache
def own_as_for_each() -> Plan:
    """An AS per datacentre; one has its own LAN and two routers, another has no nodes."""
    return planned(
        {
            "datacentres": [
                {"name": "ams", "routers": 2, "lan": "192.168.7.0/24"},
                {"name": "fra", "router_asn": 65010},
                {"name": "lon", "nodes": 0},
            ],
            "asns": {"routers": "per-datacentre", "cluster": "per-datacentre"},
        }
    )


@functools.cache
def two_peerings() -> Plan:
    """Two networks between pairs of routers, and BFD slower than by default."""
    return planned(
        {
            "datacentres": [{"routers": 2, "nodes": 1}, {"routers": 1, "nodes": 1}],
            "redundancy": {
                "second_peering": "172.29.0.0/22",
                "bfd": {"enabled": True, "interval_ms": 200, "multiplier": 5},
            },
        }
    )


@functools.cache
def two_peerings_of_each_family() -> Plan:
    """Two networks between routers that reflect, BFD, and IPv6 as the primary family."""
    families = ["ipv6", "ipv4"]
    return planned(
        {
            "families": families,
            "datacentres": [{"routers": 2, "nodes": 1}, {"nodes": 1}, {"nodes": 1}],
            "full_mesh_limit": 2,
            "redundancy": {"bfd": {"enabled": True}, **second_peering(families)},
        }
    )


@functools.cache
def services_and_summaries() -> Plan:
    """A pool for each datacentre, all addresses of services announced, one route for all pods."""
    return planned(
        {
            "datacentres": [{"routers": 2}, {}],
            "pod_routes": "summary",
            "load_balancing": {
                "pools": "per-datacentre",
                "announce": ["LoadBalancerIP", "ExternalIP", "ClusterIP"],
                "selector": {"app.kubernetes.io/part-of": "demo"},
                "demo": [
                    {"datacentre": "dc1", "replicas": 1},
                    {"name": "local", "datacentre": "dc2", "external_traffic_policy": "Local"},
                ],
            },
        }
    )


@functools.cache
def egress_gateways() -> Plan:
    """A gateway that is named and one that is chosen; no services are announced."""
    return planned(
        {
            "datacentres": [{"nodes": 3, "routers": 2}, {"lan": "192.168.7.0/24"}],
            "load_balancing": {"announce": []},
            "egress_gateway": {
                "destinations": ["0.0.0.0/0", "198.51.100.0/24"],
                "gateways": {"dc1": {"node": "dc1-worker2", "address": "10.113.7.7"}},
            },
        }
    )


@functools.cache
def egress_gateways_of_each_family() -> Plan:
    """Gateways with an address in each family, IPv6's first; to IPv6 not from everywhere."""
    families = ["ipv6", "ipv4"]
    return planned(
        {
            "families": families,
            "redundancy": second_peering(families),
            "egress_gateway": {
                "destinations": ["2001:db8::/32", "0.0.0.0/0"],
                "gateways": {"dc1": {"ipv6_address": "fd75:6e64:6572:71::77"}},
            },
        }
    )


@functools.cache
def dual_stack() -> Plan:
    """Both families; routers reflect, and a datacentre has two and LANs of its own."""
    pair = {"routers": 2, "lan": "192.168.7.0/24", "ipv6_lan": "fd00:7::/64"}
    services = {
        "pools": "per-datacentre",
        "announce": ["LoadBalancerIP", "ExternalIP", "ClusterIP"],
        "demo": [{"datacentre": "dc2", "ipv6_address": "fd75:6e64:6572:70::277"}],
    }
    return planned(
        {
            "families": ["ipv4", "ipv6"],
            "datacentres": [pair, {}],
            "full_mesh_limit": 2,
            "load_balancing": services,
        },
        {"datacentres": {"dc1": "of-dc1"}},
    )


@functools.cache
def ipv6_only() -> Plan:
    """An AS for each datacentre, aggregates of services, and no IPv4 at all."""
    asns = {"routers": "per-datacentre"}
    services = {"demo": True, "ipv6": {"aggregation_length": 120}}
    fabric = {"families": ["ipv6"], "datacentres": 2, "asns": asns}
    return planned({**fabric, "load_balancing": services})


PLANS = {
    plan.__name__: plan
    for plan in (
        two_datacentres,
        pairs_of_routers_with_passwords,
        own_as_for_each,
        two_peerings,
        two_peerings_of_each_family,
        services_and_summaries,
        egress_gateways,
        egress_gateways_of_each_family,
        dual_stack,
        ipv6_only,
    )
}


def texts(artifacts: Artifacts) -> dict[str, str]:
    """Every artifact as text, by where it belongs."""
    found = {"helm_values.yaml": yaml_text(artifacts.helm_values)}
    for number, document in enumerate(artifacts.advertisements, start=1):
        found[f"advertisement-{number}.yaml"] = yaml_text(document)
    for number, document in enumerate(artifacts.pools, start=1):
        found[f"pool-{number}.yaml"] = yaml_text(document)
    for service in artifacts.demo:
        documents = (service.config_map, service.deployment, service.service)
        found[f"demo-{service.name}.yaml"] = yaml_text(*documents, *service.endpoint_slices)
    for name, router in artifacts.routers.items():
        for path, text in all_files(router).items():
            found[f"{name}{path}"] = text
    for name, node in artifacts.nodes.items():
        found[f"{name}/machine_patch.yaml"] = node.machine_patch
        found[f"{name}/node.yaml"] = yaml_text(node.node)
        if node.bgp_override is not None:
            found[f"{name}/bgp_override.yaml"] = yaml_text(node.bgp_override)
    for name, site in artifacts.sites.items():
        found[f"{name}/cluster_config.yaml"] = yaml_text(site.cluster_config)
        for document in site.peer_configs:
            own_name = str(cast("dict[str, object]", document["metadata"])["name"])
            found[f"{name}/peer_config{own_name.removeprefix(name)}.yaml"] = yaml_text(document)
        if site.secret is not None:
            found[f"{name}/secret.yaml"] = yaml_text(opened(site.secret))
        if site.egress_policies:
            found[f"{name}/egress.yaml"] = yaml_text(*site.egress_policies, *site.egress_pods)
    return found


def texts_of(plan: Plan) -> dict[str, str]:
    return texts(render(plan))


labels = st.from_regex(r"[a-z0-9]([a-z0-9-]{0,30}[a-z0-9])?", fullmatch=True).filter(
    lambda name: len(name) <= LONGEST_DATACENTRE_NAME
)
passwords = st.text(
    st.characters(codec="ascii", exclude_characters=' "', exclude_categories=["C"]),
    min_size=1,
    max_size=80,
)


def _named(first: str) -> dict[str, dict[str, str]]:
    """The gateway of a first datacentre, whose only node may be a control plane."""
    return {first: {"node": f"{first}-controlplane1"}}


def _lengths(families: Sequence[str], *, ipv4: int | None, ipv6: int | None) -> dict[str, object]:
    """Aggregation lengths of the families that are there."""
    of_ipv6 = {"ipv6": {"aggregation_length": ipv6}} if "ipv6" in families else {}
    return {**({"aggregation_length": ipv4} if "ipv4" in families else {}), **of_ipv6}


@st.composite
def plans(draw: st.DrawFn) -> Plan:
    """A fabric of up to five datacentres, with whatever names, ASes and passwords."""
    names = draw(st.lists(labels.filter(lambda name: name != "peering"), min_size=1, max_size=5))
    names = list(dict.fromkeys(names))
    datacentres = [
        {
            "name": name,
            "routers": draw(st.integers(1, 2)),
            "nodes": draw(st.integers(1 if position == 0 else 0, 4)),
            **({"lan": f"192.168.{position}.0/26"} if draw(st.booleans()) else {}),
            **({"router_asn": 64600 + draw(st.integers(0, 2))} if draw(st.booleans()) else {}),
        }
        for position, name in enumerate(names)
    ]
    signed = draw(st.lists(st.sampled_from(names), unique=True))
    secrets: dict[str, object] = {"datacentres": {name: draw(passwords) for name in signed}}
    if draw(st.booleans()):
        secrets["peering"] = draw(passwords)
    fabric_families = draw(
        st.sampled_from(
            [["ipv4"], ["ipv4", "ipv6"], ["ipv6", "ipv4"]]
            + ([] if any("lan" in item for item in datacentres) else [["ipv6"]])
        )
    )
    fabric: dict[str, Any] = {
        "families": fabric_families,
        "datacentres": datacentres,
        "full_mesh_limit": draw(st.integers(2, 8)),
        "asns": {"routers": draw(st.sampled_from([65000, "per-datacentre"]))},
        "pod_routes": draw(st.sampled_from(PodRoutes)).value,
        "load_balancing": {
            "announce": draw(st.lists(st.sampled_from(AddressType), unique=True)),
            **_lengths(
                fabric_families,
                ipv4=draw(st.sampled_from([None, 16, 24, 31])),
                ipv6=draw(st.sampled_from([None, 112, 120, 127])),
            ),
        },
    }
    if draw(st.booleans()):
        fabric["redundancy"] = {
            "bfd": {"enabled": draw(st.booleans())},
            **second_peering(fabric["families"]),
        }
    if draw(st.booleans()) and "ipv4" in fabric_families:  # its addresses are of IPv4
        fabric["egress_gateway"] = {"gateways": _named(names[0])}
    return planned(fabric, secrets)
