"""A twin node: reads what the Talos node and its Cilium read, with real GoBGP and pods."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from ipaddress import ip_interface
from pathlib import Path

from config.families import Family, family_of, of, single
from config.families import Network as IpNetwork
from twin import (
    agentd,
    backends,
    cilium,
    daemons,
    gobgp,
    gobgpd,
    ingress,
    manifest,
    masquerade,
    pods,
    steering,
    talos,
)
from twin.agent import Agent
from twin.machine import (
    Nic,
    apply_network,
    apply_sysctls,
    device_name,
    differing_sysctls,
    drift_of_network,
    observe_if_old,
    plug,
    run_nft,
    static_neighbors,
)
from twin.manifest import Manifest, TranslationError
from twin.network import Address, Bridge, Neighbor, Network, Route, observe
from twin.place import Place
from twin.pods import Pod
from twin.steering import Steering

_SYSCTLS = {
    "net.ipv4.ip_forward": "1",
    "net.ipv4.conf.all.rp_filter": "0",
    "net.ipv4.conf.all.send_redirects": "0",
    "net.ipv4.conf.default.send_redirects": "0",
}
_IPV6_SYSCTLS = {"net.ipv6.conf.all.forwarding": "1"}


@dataclass(frozen=True)
class Node:
    """A node as its artifacts describe it.

    `machine_patch` is Talos', `helm_values` are Cilium's, `node` is the node's own object of the
    Kubernetes API, `others` are those of the nodes on the same LAN, and `manifests` are the
    resources of the cluster that concern the datacentre. All of them are YAML.
    """

    place: Place
    nics: tuple[Nic, ...]
    machine_patch: str
    helm_values: str
    node: str
    others: tuple[str, ...]
    manifests: tuple[str, ...]
    pods_per_node: int

    @property
    def api_socket(self) -> Path:
        """Where its GoBGP listens for requests."""
        return gobgpd.api_socket(self.place)

    def build(self, owner: str, previous: Node | None = None) -> None:
        """Boot the node, or bring a running one to what its artifacts say."""
        is_new = self.place.claim(owner)
        if not is_new:
            agentd.end(self.place)
        speaker = self.agent.speaker(frozenset())
        if speaker:
            gobgpd.keep_running(self.place, is_new=is_new)
        else:
            gobgpd.end(self.place)
        if previous:
            kept = {pod.place for pod in self.pods()}
            pods.remove(self.place, [p for p in previous.pods() if p.place not in kept])
            serving = {endpoint.pod for endpoint in self.agent.own_endpoints}
            backends.end(p for p in kept if p.machine not in serving)
        self._build_network(owner, previous, is_new=is_new)
        apply_sysctls(self.place, self.sysctls())
        ingress.apply(self.place, self._machine.ingress, is_new=is_new)
        masquerade.apply(self.place, self._values, self.pod_cidrs, is_new=is_new)
        for family, part in self._steering.items():
            before = previous._steering[family] if previous else None
            steering.apply(self.place, part, before, is_new=is_new)
        backends.keep_running(self.place.stack, self.agent.own_endpoints)
        ready = self.agent.ready()
        # Rules come before routes: what the routes draw would be lost.
        if self.agent.services or not is_new:
            run_nft(self.place, ["-f", "-"], self.agent.rules(ready))
        if speaker := self.agent.speaker(ready):
            with gobgp.connect(self.api_socket) as client:
                client.start(speaker) if is_new else client.apply(speaker)
        agentd.start(self.agent)

    def drift(self) -> list[str]:
        """What is not as the artifacts say. Empty for a healthy node."""
        gone = [pod.place.machine for pod in self.pods() if not pod.place.stands]
        if gone:
            return [f"{name} is gone" for name in gone]
        found = drift_of_network(observe(self.place.namespace), self.network(), len(self.nics))
        for pod in self.pods():
            in_pod = drift_of_network(observe(pod.place.namespace), pod.network(), 1)
            found += [f"{pod.place.machine}: {deviation}" for deviation in in_pod]
        found += [f"sysctl {name}" for name in differing_sysctls(self.place, self.sysctls())]
        found += ingress.drift(self.place, self._machine.ingress)
        for part in self._steering.values():
            found += steering.drift(self.place, part)
        found += agentd.drift(self.agent)
        speaker = self.agent.speaker(self.agent.ready())
        if speaker is None:
            return found
        if not daemons.running_in(self.place.folder, gobgpd.PROGRAM):
            return [*found, "gobgpd is not running"]
        with gobgp.connect(self.api_socket) as client:
            if not client.is_as(speaker):
                found.append("GoBGP's configuration changed")
        return found

    def pods(self) -> list[Pod]:
        """The node's pods, from the PodCIDRs of its Node object (`ipam.mode=kubernetes`)."""
        mode = manifest.mapping(self._values, "ipam").get("mode")
        if mode != "kubernetes":
            raise TranslationError(f"ipam.mode {mode} is not in the twin: use kubernetes")
        return pods.pods_of(self.place, self.pod_cidrs, self.pods_per_node)

    @property
    def pod_cidrs(self) -> list[IpNetwork]:
        """The ranges of the node's pods, in the families that Cilium has turned on."""
        return self.agent.pod_cidrs

    def sysctls(self) -> dict[str, str]:
        """What Talos and Cilium tell the kernel."""
        has_ipv6 = Family.IPV6 in cilium.families(self._values)
        return {**_SYSCTLS, **(_IPV6_SYSCTLS if has_ipv6 else {})}

    def network(self) -> Network:
        """What Talos makes of its machine configuration, and Cilium of its values."""
        machine, own = self._machine, self.pods()
        card = device_name(0)
        return Network(
            up=frozenset({"lo", card, *machine.dummies, *(pod.node_device for pod in own)}),
            # A bridge without ports is as good: not every kernel has the module for dummies.
            bridges=frozenset(Bridge(name, frozenset()) for name in machine.dummies),
            addresses=frozenset(
                [
                    *(Address(name, one) for name, held in machine.dummies.items() for one in held),
                    *(Address(card, address) for address in machine.addresses),
                    *(
                        Address(pod.node_device, ip_interface(gateway))
                        for pod in own
                        for gateway in pod.gateways
                    ),
                ]
            ),
            routes=frozenset(
                [
                    *machine.routes,
                    *(Route(cidr) for cidr in self.pod_cidrs),
                    *(
                        Route(single(address), device=pod.node_device)
                        for pod in own
                        for address in pod.addresses
                    ),
                    *self._direct_routes([address.network for address in machine.addresses]),
                ]
            ),
            neighbors=static_neighbors(self.nics, [card])
            | {
                Neighbor(pod.node_device, address, pod.mac)
                for pod in own
                for address in pod.addresses
            },
        )

    @cached_property
    def agent(self) -> Agent:
        """Its Cilium."""
        return Agent(
            stack=self.place.stack,
            name=self.place.machine,
            labels=self._machine.labels,
            interfaces={
                name: [str(address.ip) for address in addresses]
                for name, addresses in self._machine.dummies.items()
            },
            node=self.node,
            helm_values=self.helm_values,
            manifests=self.manifests,
        )

    def _build_network(self, owner: str, previous: Node | None, *, is_new: bool) -> None:
        """Cards, pods with their cables, addresses and routes."""
        observed = plug(self.place, self.nics, observe_if_old(self.place, is_new=is_new))
        new_pods = [pod for pod in self.pods() if pod.place.claim(owner) or pod.is_loose(observed)]
        apply_network(
            self.place,
            observed,
            self.network(),
            previous.network() if previous else None,
            first=[pod.cable() for pod in new_pods],
        )
        before = {pod.place: pod.network() for pod in previous.pods()} if previous else {}
        for pod in self.pods():
            seen = observe_if_old(pod.place, is_new=pod in new_pods)
            apply_network(pod.place, seen, pod.network(), before.get(pod.place))

    def _direct_routes(self, lans: Sequence[IpNetwork]) -> list[Route]:
        """`autoDirectNodeRoutes`: to the pods of nodes on the same LAN without the router."""
        if not self._values.get("autoDirectNodeRoutes"):
            return []
        own = {family_of(cidr) for cidr in self.pod_cidrs}
        return [
            Route(of(family_of(gateway), manifest.pod_cidrs(other)), gateway=gateway)
            for other in self._others
            for gateway in manifest.internal_addresses(other)
            if family_of(gateway) in own and any(gateway in lan for lan in lans)
        ]

    @cached_property
    def _steering(self) -> Mapping[Family, Steering]:
        return self.agent.steering(
            [address.network for address in self._machine.addresses], self._others
        )

    @property
    def _others(self) -> list[Manifest]:
        return [manifest.document(text) for text in self.others]

    @cached_property
    def _machine(self) -> talos.Machine:
        return talos.machine(self.machine_patch)

    @cached_property
    def _object(self) -> Manifest:
        return manifest.document(self.node)

    @cached_property
    def _values(self) -> Manifest:
        return manifest.document(self.helm_values)
