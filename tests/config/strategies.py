"""Fabrics as users may write them, each of which `load` passes."""

import copy
import string
from collections.abc import Sequence
from ipaddress import IPv4Network
from typing import Any

from hypothesis import strategies as st

from config.families import Family
from config.redundancy import SECOND_PEERING, SECOND_PEERING_EXAMPLE

# What a user writes is YAML, which is untyped by nature.
Written = dict[str, Any]

#: All ranges have room for indexes up to here, with every prefix length drawn below.
MOST_INDEX = 60
_MOST_WORKERS = 6
_EXPLICIT_LANS = list(IPv4Network("10.16.0.0/12").subnets(new_prefix=20))

_inner = string.ascii_lowercase + string.digits + "-"
names = st.builds(
    lambda first, rest: (first + rest).rstrip("-"),
    st.sampled_from(string.ascii_lowercase),
    st.text(_inner, max_size=20),
)


@st.composite
def explicit_lan(draw: st.DrawFn, index: int) -> str:
    """A LAN of the datacentre's own, which no other datacentre's can overlap."""
    return f"{_EXPLICIT_LANS[index].network_address}/{draw(st.integers(20, 27))}"


@st.composite
def explicit_ipv6_lan(draw: st.DrawFn, index: int) -> str:
    """The same in IPv6."""
    return f"fd00:{index:x}::/{draw(st.integers(48, 120))}"


@st.composite
def datacentre(draw: st.DrawFn, name: str, index: int, controlplanes: int) -> Written:
    """One datacentre with everything spelt out that would follow from the others."""
    written: Written = {
        "name": name,
        "index": index,
        "nodes": {"controlplanes": controlplanes, "workers": draw(st.integers(0, _MOST_WORKERS))},
    }
    optional = st.fixed_dictionaries(
        {},
        optional={
            "routers": st.integers(1, 2),
            "lan": explicit_lan(index),
            "ipv6_lan": explicit_ipv6_lan(index),
            "router_asn": st.integers(64512, 64999),
            "cluster_asn": st.integers(65001, 65534),
        },
    )
    return written | draw(optional)


@st.composite
def spelt_out(draw: st.DrawFn, most: int = 6) -> list[Written]:
    """A list of datacentres whose names, indexes and roles are the user's."""
    count = draw(st.integers(1, most))
    chosen = draw(st.lists(names, min_size=count, max_size=count, unique=True))
    indexes = draw(
        st.lists(st.integers(1, MOST_INDEX), min_size=count, max_size=count, unique=True)
    )
    hosts = draw(_controlplane_hosts(count))
    return [
        draw(datacentre(name, index, hosts.count(position)))
        for position, (name, index) in enumerate(zip(chosen, indexes, strict=True))
    ]


def _controlplane_hosts(datacentres: int) -> st.SearchStrategy[Sequence[int]]:
    return st.sampled_from([1, 3, 5]).flatmap(
        lambda count: st.lists(st.integers(0, datacentres - 1), min_size=count, max_size=count)
    )


@st.composite
def short(draw: st.DrawFn, most: int = 6) -> list[Written]:
    """A list in which names, indexes and roles follow from the position."""
    count = draw(st.integers(1, most))
    field = {"routers": st.integers(1, 2)}
    nodes = [st.integers(1, _MOST_WORKERS), *[st.integers(0, _MOST_WORKERS)] * (count - 1)]
    return [
        draw(st.fixed_dictionaries({}, optional={**field, "nodes": number})) for number in nodes
    ]


def datacentres() -> st.SearchStrategy[int | list[Written]]:
    """A number of datacentres, or a list of them in either form."""
    return st.one_of(st.integers(1, 8), short(), spelt_out())


#: Everything of the fabric but its datacentres.
fabric_options: st.SearchStrategy[Written] = st.fixed_dictionaries(
    {},
    optional={
        "asns": st.fixed_dictionaries(
            {},
            optional={
                "routers": st.sampled_from([64512, 65000, 4200000001, "per-datacentre"]),
                "cluster": st.sampled_from([65001, 65534, 4200200000, "per-datacentre"]),
            },
        ),
        "full_mesh_limit": st.integers(2, 8),
        "redundancy": st.fixed_dictionaries(
            {},
            optional={
                "bfd": st.fixed_dictionaries({"enabled": st.booleans()}),
                "second_peering": st.just(SECOND_PEERING_EXAMPLE[Family.IPV4]),
            },
        ),
        "pod_routes": st.sampled_from(["each", "summary"]),
        "load_balancing": st.fixed_dictionaries(
            {},
            optional={
                "pools": st.sampled_from(["fabric", "per-datacentre"]),
                "announce": st.lists(
                    st.sampled_from(["LoadBalancerIP", "ExternalIP", "ClusterIP"]), unique=True
                ),
                "aggregation_length": st.integers(24, 31),
                "ipv6": st.fixed_dictionaries(
                    {},
                    optional={
                        "pool_prefix_length": st.integers(118, 122),
                        "aggregation_length": st.integers(122, 127),
                    },
                ),
            },
        ),
        "lan_prefix_length": st.integers(22, 27),
        "node_pods_prefix_length": st.integers(24, 26),
        "twin": st.fixed_dictionaries({"pods_per_node": st.integers(1, 50)}),
    },
)


#: What belongs to one family alone, of the fabric and of a datacentre.
_OF_FAMILY = {
    "ipv4": ("lan_prefix_length", "node_pods_prefix_length", "lan"),
    "ipv6": ("ipv6", "ipv6_lan"),
}

#: The same of services.
_OF_SERVICES = {"ipv4": ("aggregation_length",), "ipv6": ("ipv6",)}

ipv6_options: st.SearchStrategy[Written] = st.fixed_dictionaries(
    {},
    optional={
        "lan_prefix_length": st.integers(62, 120),
        "node_pods_prefix_length": st.integers(63, 65),
    },
)


@st.composite
def fabrics(
    draw: st.DrawFn,
    datacentres: st.SearchStrategy[int | list[Written]] | None = None,
) -> Written:
    """A whole fabric, in one family or both."""
    of = datacentres if datacentres is not None else _any_datacentres
    fabric = {**draw(fabric_options), "ipv6": draw(ipv6_options), "datacentres": draw(of)}
    families = draw(st.sampled_from([None, ["ipv4", "ipv6"], ["ipv6", "ipv4"], ["ipv6"]]))
    return in_families(fabric if families is None else {**fabric, "families": families})


def second_peering(families: Sequence[str]) -> Written:
    """A second peering network of these families."""
    return {SECOND_PEERING[Family(f)]: SECOND_PEERING_EXAMPLE[Family(f)] for f in families}


def in_families(fabric: Written) -> Written:
    """The fabric without the settings of a family that it has not.

    A second peering network is made one of its families.
    """
    if "second_peering" in fabric.get("redundancy", {}):
        given = _less(fabric["redundancy"], list(SECOND_PEERING.values()))
        fabric = {**fabric, "redundancy": given | second_peering(fabric.get("families", ["ipv4"]))}
    for family, keys in _OF_FAMILY.items():
        if family not in fabric.get("families", ["ipv4"]):
            fabric = _less(fabric, keys)
            if "load_balancing" in fabric:
                services = _less(fabric["load_balancing"], _OF_SERVICES[family])
                fabric = {**fabric, "load_balancing": services}
            if not isinstance(fabric["datacentres"], int):
                fabric["datacentres"] = [_less(item, keys) for item in fabric["datacentres"]]
    return fabric


def _less(written: Written, keys: Sequence[str]) -> Written:
    return {key: value for key, value in written.items() if key not in keys}


_any_datacentres = datacentres()


@st.composite
def growths(draw: st.DrawFn) -> tuple[Written, Written]:
    """A fabric, and the same with a datacentre, a router or a node more."""
    before = draw(fabrics(st.one_of(short(), spelt_out())))
    after = copy.deepcopy(before)
    grown: list[Written] = after["datacentres"]
    is_short = all("index" not in item for item in grown)
    kind = draw(st.sampled_from(["datacentre", "router", "node"]))
    if kind == "datacentre":
        grown.append({} if is_short else draw(_another(grown)))
        if not is_short:
            after["datacentres"] = draw(st.permutations(grown))
    else:
        position = draw(st.integers(0, len(grown) - 1))
        if kind == "router":
            grown[position]["routers"] = 2
        elif is_short:
            grown[position]["nodes"] = grown[position].get("nodes", 2) + 1
        else:
            grown[position]["nodes"]["workers"] += 1
    return before, in_families(after)


@st.composite
def _another(draw: st.DrawFn, existing: Sequence[Written]) -> Written:
    taken_names = {item["name"] for item in existing}
    taken_indexes = {item["index"] for item in existing}
    name = draw(names.filter(lambda name: name not in taken_names))
    index = draw(st.integers(1, MOST_INDEX).filter(lambda index: index not in taken_indexes))
    return draw(datacentre(name, index, 0))
