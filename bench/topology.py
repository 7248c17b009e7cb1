"""What the twin of a plan consists of, without the engine: its own words, machine by machine.

Each machine's network is what the twin makes of the rendered files, so that the floor builds
exactly what `pulumi up` builds.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from config.families import Address
from config.machines import WAN_NETWORK, Node, Router, Site
from config.machines import Nic as PlannedNic
from config.plan import Plan
from render.artifacts import Artifacts, render
from render.sealed import Content, Sealed
from render.yaml_text import yaml_text
from twin.gobgp import Speaker
from twin.host import Host
from twin.machine import Nic
from twin.network import Network
from twin.node import Node as TwinNode
from twin.place import Place
from twin.pods import Pod
from twin.router import BIRD_FILE
from twin.router import Router as TwinRouter
from twin.twin import WAN_HOST, WAN_HOST_MAC, neighbors

#: Names places that are never claimed: only their networks are asked for.
_NOWHERE = "floor"
_FORWARDING = {"net.ipv4.ip_forward": "1"}


@dataclass(frozen=True, slots=True)
class Machine:
    """A machine: its cards, in order, and what its network should be; BIRD's files by name."""

    name: str
    nics: tuple[Nic, ...]
    network: Network
    sysctls: Mapping[str, str]
    bird: Mapping[str, str] = field(default_factory=dict)
    speaker: Speaker | None = None
    pods: tuple[Pod, ...] = ()


@dataclass(frozen=True, slots=True)
class Topology:
    """All of it. Each router's kernel has every one of `prefixes` in the end."""

    segments: tuple[str, ...]
    routers: tuple[Machine, ...]
    others: tuple[Machine, ...]
    prefixes: frozenset[str]


def topology(plan: Plan) -> Topology:
    """The twin of this plan."""
    artifacts, known = render(plan), neighbors(plan)
    nodes = (
        _node(plan, artifacts, known, site, node) for site in plan.sites for node in site.nodes
    )
    return Topology(
        segments=tuple(known),
        routers=tuple(_router(artifacts, known, router) for router in plan.routers),
        others=(_wan_host(plan), *nodes),
        prefixes=frozenset(str(node.pod_cidr) for node in plan.nodes),
    )


_Known = Mapping[str, Mapping[Address, str]]


def _router(artifacts: Artifacts, known: _Known, router: Router) -> Machine:
    files = artifacts.routers[router.name]
    nics = tuple(_nic(known, nic) for nic in router.nics)
    secret_files = {path: _opened(sealed) for path, sealed in files.secret_files.items()}
    twin = TwinRouter(Place(_NOWHERE, router.name), nics, files.files, secret_files)
    bird = {BIRD_FILE: files.files[BIRD_FILE], **secret_files}
    by_name = {path.rpartition("/")[2]: text for path, text in bird.items()}
    return Machine(router.name, nics, twin.network(), twin.sysctls(), by_name)


def _opened(sealed: Sealed[Content]) -> Content:
    """Passwords cost the same, whatever they are."""
    return sealed.make({name: f"bench-{name}" for name in sealed.passwords})


def _node(plan: Plan, artifacts: Artifacts, known: _Known, site: Site, node: Node) -> Machine:
    of_site = artifacts.sites[site.name]
    objects = {item.name: yaml_text(artifacts.nodes[item.name].node) for item in site.nodes}
    nics = (_nic(known, node.lan),)
    manifests = [of_site.cluster_config, *of_site.peer_configs, *artifacts.advertisements]
    if of_site.secret is not None:
        manifests.append(_opened(of_site.secret))
    twin = TwinNode(
        place=Place(_NOWHERE, node.name),
        nics=nics,
        machine_patch=artifacts.nodes[node.name].machine_patch,
        helm_values=yaml_text(artifacts.helm_values),
        node=objects.pop(node.name),
        others=tuple(objects.values()),
        manifests=tuple(yaml_text(document) for document in manifests),
        pods_per_node=plan.pods_per_node,
    )
    return Machine(
        node.name,
        nics,
        twin.network(),
        _FORWARDING,
        speaker=twin.agent.speaker(frozenset()),
        pods=tuple(twin.pods()),
    )


def _wan_host(plan: Plan) -> Machine:
    nics = (Nic(WAN_NETWORK, WAN_HOST_MAC, {}),)
    host = Host(Place(_NOWHERE, WAN_HOST), nics, plan.wan_gateways)
    return Machine(WAN_HOST, nics, host.network(), {})


def _nic(known: _Known, nic: PlannedNic) -> Nic:
    others = {at: mac for at, mac in known[nic.network].items() if mac != nic.mac}
    return Nic(nic.network, nic.mac, others)
