"""A whole fabric's twin without the engine: the machines of a plan, built, changed and released."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from typing import TypeVar

import pytest

from config.load import load
from config.machines import Nic as PlannedNic
from config.machines import Node as PlannedNode
from config.machines import Router as PlannedRouter
from config.machines import Site
from config.plan import make_plan
from render.artifacts import render
from render.yaml_text import yaml_text
from tests.render.secrets import opened, secret_files
from twin import birdc, gobgp, gobgpd, preflight
from twin.host import Host
from twin.machine import Nic
from twin.node import Node
from twin.place import Place, release_stack
from twin.router import Router, control_socket
from twin.segment import Segment
from twin.twin import WAN_HOST, wan_routes
from verify.twin_stack import TwinStack
from verify.waiting import wait

_OWNER = "test"
_LIMIT_SECONDS = 60.0

Found = TypeVar("Found")


@contextmanager
def standing(prefix: str, fabric: Mapping[str, object]) -> Iterator[Standing]:
    """A fabric up for the tests of one worker, or why there is none on this machine."""
    stack = f"{prefix}-{os.getpid()}"
    if lacks := preflight.findings(make_plan(load(fabric)), stack, preflight.inspect()):
        pytest.skip(preflight.complaint(lacks))
    try:
        yield Standing(stack, fabric)
    finally:
        release_stack(stack)


class Standing:
    """The twin of a plan. It is taken down by releasing the stack of its name."""

    def __init__(self, stack: str, fabric: Mapping[str, object]) -> None:
        self.stack = stack
        self.plan = make_plan(load(fabric))
        self._artifacts = render(self.plan)
        for network in dict.fromkeys(
            nic.network for router in self.plan.routers for nic in router.nics
        ):
            Segment(Place(stack, network)).build(_OWNER)
        self._machines: dict[str, Router | Node] = {}
        self._build()
        host_nic = (Nic(Place(stack, "wan").namespace, "02:40:00:00:00:00", {}),)
        outside = Place(stack, WAN_HOST)
        Host(outside, host_nic, self.plan.wan_gateways, wan_routes(self.plan)).build(_OWNER)
        self.converge()

    def mend(self) -> None:
        """Bring every machine back to what it should be."""
        self._build()
        self.converge()

    def converge(self) -> None:
        """Wait until it does what its plan says."""
        wait(TwinStack(self.stack, self.plan), _LIMIT_SECONDS)

    def place(self, machine: str) -> Place:
        return Place(self.stack, machine)

    def birdc(self, router: str, command: str) -> str:
        return "\n".join(birdc.ask(control_socket(self.place(router)), command))

    def announce(self, node: str, prefix: str, *options: str) -> None:
        """Let a node's GoBGP announce something, by GoBGP's own command."""
        target = f"unix://{gobgpd.api_socket(self.place(node))}"
        command = ("gobgp", "--target", target, "global", "rib", "add", prefix, *options)
        done = subprocess.run(command, capture_output=True, text=True, timeout=_LIMIT_SECONDS)
        assert done.returncode == 0, done.stdout + done.stderr

    def gobgp(self, node: str) -> AbstractContextManager[gobgp.Client]:
        return gobgp.connect(gobgpd.api_socket(self.place(node)))

    def _build(self) -> None:
        """Routers before nodes, as the stack does."""
        for router in self.plan.routers:
            self.put(router.name, self._router(router))
        for site in self.plan.sites:
            for node in site.nodes:
                self.put(node.name, self._node(site, node))

    def machine(self, name: str) -> Router | Node:
        """As it was last built."""
        return self._machines[name]

    def put(self, name: str, machine: Router | Node) -> None:
        """Build it, or bring it to what it is to be."""
        before = self._machines.get(name)
        if isinstance(machine, Router):
            machine.build(_OWNER, before if isinstance(before, Router) else None)
        else:
            machine.build(_OWNER, before if isinstance(before, Node) else None)
        self._machines[name] = machine

    def _router(self, router: PlannedRouter) -> Router:
        artifacts = self._artifacts.routers[router.name]
        return Router(
            place=self.place(router.name),
            nics=tuple(map(self._nic, router.nics)),
            files=artifacts.files,
            secret_files=secret_files(artifacts),
        )

    def _node(self, site: Site, node: PlannedNode) -> Node:
        artifacts = self._artifacts
        of_site = artifacts.sites[site.name]
        manifests = [of_site.cluster_config, *of_site.peer_configs, *artifacts.advertisements]
        manifests += (*of_site.egress_pods, *of_site.egress_policies)
        manifests += artifacts.pools
        manifests += (doc for of in artifacts.demo for doc in (of.service, *of.endpoint_slices))
        if of_site.secret is not None:
            manifests.append(opened(of_site.secret))
        others = (artifacts.nodes[item.name].node for item in site.nodes if item is not node)
        return Node(
            place=self.place(node.name),
            nics=(self._nic(node.lan),),
            machine_patch=artifacts.nodes[node.name].machine_patch,
            helm_values=yaml_text(artifacts.helm_values),
            node=yaml_text(artifacts.nodes[node.name].node),
            others=tuple(map(yaml_text, others)),
            manifests=tuple(map(yaml_text, manifests)),
            pods_per_node=self.plan.pods_per_node,
        )

    def _nic(self, nic: PlannedNic) -> Nic:
        return Nic(self.place(nic.network).namespace, nic.mac, {})


def eventually(what: str, look: Callable[[], Found]) -> Found:
    """What `look` finds, once it finds something."""
    deadline = time.monotonic() + _LIMIT_SECONDS
    while not (found := look()):
        assert time.monotonic() < deadline, f"not in {_LIMIT_SECONDS:.0f} s: {what}"
        time.sleep(0.05)
    return found
