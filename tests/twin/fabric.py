"""A whole twin without the engine: the machines that `Twin` declares, built one after another."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from config.machines import Nic as PlannedNic
from config.plan import Plan
from render.artifacts import Artifacts, render
from render.yaml_text import yaml_text
from tests.render.secrets import opened
from twin.cluster import Documents
from twin.host import Host
from twin.machine import Nic
from twin.node import Node
from twin.place import Place
from twin.router import Router
from twin.segment import Segment
from twin.twin import WAN_HOST, WAN_HOST_MAC, documents, neighbors, wan_routes

_OWNER = "me"


@dataclass
class Fabric:
    """The twin of one stack. `build` makes it what a plan says, or what a later plan says."""

    stack: str
    machines: dict[str, Router | Node | Host] = field(default_factory=dict)

    def build(self, plan: Plan) -> None:
        """Segments, routers, nodes and the host outside, from the rendered artifacts."""
        artifacts = render(plan)
        for network in neighbors(plan):
            Segment(Place(self.stack, network)).build(_OWNER)
        wanted: dict[str, Router | Node | Host] = {
            **{router.name: self._router(plan, artifacts, router.name) for router in plan.routers},
            **self._nodes(plan, artifacts),
            WAN_HOST: Host(
                Place(self.stack, WAN_HOST),
                (Nic(Place(self.stack, "wan").namespace, WAN_HOST_MAC, {}),),
                plan.wan_gateways,
                wan_routes(plan),
            ),
        }
        for name, machine in wanted.items():
            machine.build(_OWNER, self.machines.get(name))  # type: ignore[arg-type]  # its own kind
        self.machines = wanted

    def _router(self, plan: Plan, artifacts: Artifacts, name: str) -> Router:
        planned = next(router for router in plan.routers if router.name == name)
        rendered = artifacts.routers[name]
        return Router(
            Place(self.stack, name),
            tuple(self._nic(plan, nic) for nic in planned.nics),
            rendered.files,
            {path: opened(sealed) for path, sealed in rendered.secret_files.items()},
        )

    def _nodes(self, plan: Plan, artifacts: Artifacts) -> Mapping[str, Node]:
        told = documents(plan, artifacts)
        return {
            node.name: self._node(plan, artifacts, told[site.name], node.name, node.lan)
            for site in plan.sites
            for node in site.nodes
        }

    def _node(
        self, plan: Plan, artifacts: Artifacts, told: Documents, name: str, lan: PlannedNic
    ) -> Node:
        secret = artifacts.sites[name.rpartition("-")[0]].secret
        return Node(
            place=Place(self.stack, name),
            nics=(self._nic(plan, lan),),
            machine_patch=artifacts.nodes[name].machine_patch,
            helm_values=told.helm_values,
            node=told.nodes[name],
            others=tuple(text for other, text in told.nodes.items() if other != name),
            manifests=(*told.manifests, *([yaml_text(opened(secret))] if secret else [])),
            pods_per_node=plan.pods_per_node,
        )

    def _nic(self, plan: Plan, nic: PlannedNic) -> Nic:
        others = neighbors(plan)[nic.network].items()
        segment = Place(self.stack, nic.network).namespace
        return Nic(segment, nic.mac, {at: mac for at, mac in others if mac != nic.mac})
