"""A twin node: reads what the Talos node and its Cilium read, with real GoBGP and pods.

A pod is a namespace of its own with an address of the node's PodCIDR, wired as Cilium wires it:
a veth pair, a /32 on the pod's end, and the node's own pod address as its gateway.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from ipaddress import IPv4Address, IPv4Interface, IPv4Network
from pathlib import Path
from typing import cast

import yaml

from config.pods import pod_address, pod_gateway
from twin import cilium, daemons, gobgp, iproute
from twin.cilium import Manifest, TranslationError
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
from twin.network import (
    Address,
    Neighbor,
    Network,
    Observed,
    Route,
    observe,
)
from twin.place import Place

_SYSCTLS = {
    "net.ipv4.ip_forward": "1",
    "net.ipv4.conf.all.rp_filter": "0",
    "net.ipv4.conf.all.send_redirects": "0",
    "net.ipv4.conf.default.send_redirects": "0",
}


@dataclass(frozen=True, slots=True)
class Pod:
    """A pod and the two ends of its cable."""

    place: Place
    address: IPv4Address
    gateway: IPv4Address
    node_device: str

    @property
    def mac(self) -> str:
        """The MAC of the pod's end."""
        return _mac(0x30, self.address)

    @property
    def node_mac(self) -> str:
        """The MAC of the node's end."""
        return _mac(0x31, self.address)

    def network(self) -> Network:
        """A /32, and everything by the node."""
        return Network(
            up=frozenset({"lo", "eth0"}),
            addresses=frozenset({Address("eth0", IPv4Interface(self.address))}),
            routes=frozenset(
                {
                    Route(IPv4Network(self.gateway), device="eth0"),
                    Route(_EVERYWHERE, gateway=self.gateway),
                }
            ),
            neighbors=frozenset({Neighbor("eth0", self.gateway, self.node_mac)}),
        )


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
        return api_socket(self.place)

    def build(self, owner: str, previous: Node | None = None) -> None:
        """Boot the node, or bring a running one to what its artifacts say."""
        is_new = self.place.claim(owner)
        speaker = self.speaker()
        self._run_gobgp(speaker, is_new=is_new)
        if previous:
            self._remove_pods(previous)
        observed = observe_if_old(self.place, is_new=is_new)
        plug(self.place, self.nics, observed)
        pods = self.pods()
        new_pods = [pod for pod in pods if pod.place.claim(owner) or _is_loose(pod, observed)]
        apply_network(
            self.place,
            observed,
            self.network(),
            previous.network() if previous else None,
            first=[_cable(pod) for pod in new_pods],
        )
        for pod in pods:
            seen = observe_if_old(pod.place, is_new=pod in new_pods)
            apply_network(pod.place, seen, pod.network())
        apply_sysctls(self.place, _SYSCTLS)
        self._masquerade(is_new=is_new)
        if speaker:
            with gobgp.connect(self.api_socket) as client:
                client.start(speaker) if is_new else client.apply(speaker)

    def drift(self) -> list[str]:
        """What is not as the artifacts say. Empty for a healthy node."""
        gone = [pod.place.machine for pod in self.pods() if not pod.place.stands]
        if gone:
            return [f"{name} is gone" for name in gone]
        found = drift_of_network(observe(self.place.namespace), self.network(), len(self.nics))
        for pod in self.pods():
            in_pod = drift_of_network(observe(pod.place.namespace), pod.network(), 1)
            found += [f"{pod.place.machine}: {deviation}" for deviation in in_pod]
        found += [f"sysctl {name}" for name in differing_sysctls(self.place, _SYSCTLS)]
        speaker = self.speaker()
        if speaker is None:
            return found
        if not daemons.running_in(self.place.folder, "gobgpd"):
            return [*found, "gobgpd is not running"]
        with gobgp.connect(self.api_socket) as client:
            if not client.is_as(speaker):
                found.append("GoBGP's configuration changed")
        return found

    def pods(self) -> list[Pod]:
        """The node's pods, from the PodCIDR of its Node object (`ipam.mode=kubernetes`)."""
        mode = _at(self._values, "ipam").get("mode")
        if mode != "kubernetes":
            raise TranslationError(f"ipam.mode {mode} is not in the twin: use kubernetes")
        cidr = self.pod_cidr
        return [
            Pod(
                place=Place(self.place.stack, f"{self.place.machine}-pod{number}"),
                address=pod_address(cidr, number),
                gateway=pod_gateway(cidr),
                node_device=f"lxc{number}",
            )
            for number in range(1, self.pods_per_node + 1)
        ]

    @property
    def pod_cidr(self) -> IPv4Network:
        """The range of the node's pods."""
        return _pod_cidr(self._object)

    def network(self) -> Network:
        """What Talos makes of its machine configuration, and Cilium of its values."""
        (interface,) = cast("Sequence[Manifest]", _at(self._machine, "network")["interfaces"])
        addresses = [IPv4Interface(str(text)) for text in _sequence(interface, "addresses")]
        card = device_name(0)
        pods = self.pods()
        routes = {
            Route(IPv4Network(str(route["network"])), gateway=IPv4Address(str(route["gateway"])))
            for route in cast("Sequence[Manifest]", _sequence(interface, "routes"))
        }
        return Network(
            up=frozenset({"lo", card, *(pod.node_device for pod in pods)}),
            addresses=frozenset(
                [
                    *(Address(card, address) for address in addresses),
                    *(Address(pod.node_device, IPv4Interface(pod.gateway)) for pod in pods),
                ]
            ),
            routes=frozenset(
                [
                    *routes,
                    Route(self.pod_cidr),
                    *(Route(IPv4Network(pod.address), device=pod.node_device) for pod in pods),
                    *self._direct_routes(addresses[0].network),
                ]
            ),
            neighbors=static_neighbors(self.nics, [card])
            | {Neighbor(pod.node_device, pod.address, pod.mac) for pod in pods},
        )

    def speaker(self) -> gobgp.Speaker | None:
        """What Cilium's BGP control plane makes of the resources; nothing where it is off."""
        values = self._values
        if values.get("routingMode") != "native":
            raise TranslationError(
                f"routingMode {values.get('routingMode')} is not in the twin: use native"
            )
        if not _at(values, "bgpControlPlane").get("enabled"):
            return None
        return cilium.speaker(
            cilium.resources([_document(text) for text in self.manifests]),
            labels=cast("Mapping[str, str]", _at(self._machine, "nodeLabels")),
            address=_internal_address(self._object),
            pod_cidr=self.pod_cidr,
        )

    def _direct_routes(self, lan: IPv4Network) -> list[Route]:
        """`autoDirectNodeRoutes`: to the pods of nodes on the same LAN without the router."""
        if not self._values.get("autoDirectNodeRoutes"):
            return []
        documents = [_document(text) for text in self.others]
        return [
            Route(_pod_cidr(document), gateway=_internal_address(document))
            for document in documents
            if _internal_address(document) in lan
        ]

    def _masquerade(self, *, is_new: bool) -> None:
        """`enableIPv4Masquerade`: Cilium hides pods behind the node outside the native range."""
        values = self._values
        wanted = bool(values.get("enableIPv4Masquerade", True))
        if wanted:
            native = values.get("ipv4NativeRoutingCIDR", self.pod_cidr)
            script = (
                "table ip cilium\ndelete table ip cilium\ntable ip cilium { chain post {\n"
                "type nat hook postrouting priority srcnat;\n"
                f"ip saddr {self.pod_cidr} ip daddr != {native} masquerade\n}}\n}}\n"
            )
            run_nft(self.place, ["-f", "-"], script)
        elif not is_new:
            run_nft(self.place, ["-f", "-"], "table ip cilium\ndelete table ip cilium\n")

    def _run_gobgp(self, speaker: gobgp.Speaker | None, *, is_new: bool) -> None:
        running = [] if is_new else daemons.running_in(self.place.folder, "gobgpd")
        if speaker is None:
            daemons.stop(running)
        if running or speaker is None:
            return
        command = [
            *("gobgpd", "--api-hosts", f"unix://{self.api_socket}"),
            *("--pprof-disable", "--log-plain", "--cpus", "1"),
        ]
        self.api_socket.unlink(missing_ok=True)
        # A collection of garbage at each fifth of growth keeps 64 agents in half the memory.
        daemons.start(
            self.place.namespace, command, folder=self.place.folder, environment={"GOGC": "20"}
        )

    def _remove_pods(self, previous: Node) -> None:
        """Remove the pods that are no longer wanted, their cables at once."""
        kept = {pod.place for pod in self.pods()}
        unwanted = [pod for pod in previous.pods() if pod.place not in kept]
        present = observe(self.place.namespace).devices if unwanted else frozenset()
        cut = [f"link del {p.node_device}" for p in unwanted if p.node_device in present]
        iproute.batch(self.place.namespace, cut)
        for pod in unwanted:
            pod.place.release()

    @cached_property
    def _machine(self) -> Manifest:
        """The v1alpha1 document of the patch, which is the one without a kind."""
        documents = yaml.load_all(self.machine_patch, Loader=_Loader)
        return _at(next(found for found in documents if "kind" not in found), "machine")

    @cached_property
    def _object(self) -> Manifest:
        return _document(self.node)

    @cached_property
    def _values(self) -> Manifest:
        return _document(self.helm_values)


_EVERYWHERE = IPv4Network("0.0.0.0/0")
_Loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def api_socket(place: Place) -> Path:
    """Where a node's GoBGP listens for requests."""
    return place.folder / "gobgp.sock"


def _is_loose(pod: Pod, observed: Observed) -> bool:
    return pod.node_device not in observed.devices


def _cable(pod: Pod) -> str:
    """The command, to be run in the node, that plugs the pod in."""
    return (
        f"link add {pod.node_device} address {pod.node_mac} "
        f"type veth peer name eth0 address {pod.mac} netns {pod.place.namespace}"
    )


def _mac(kind: int, address: IPv4Address) -> str:
    return ":".join(f"{octet:02x}" for octet in (0x02, kind, *address.packed))


@lru_cache(maxsize=4096)
def _document(text: str) -> Manifest:
    """Most documents are those of several nodes, and are read once for all."""
    return cast(Manifest, yaml.load(text, Loader=_Loader))


def _pod_cidr(node: Manifest) -> IPv4Network:
    return IPv4Network(str(_at(node, "spec")["podCIDR"]))


def _internal_address(node: Manifest) -> IPv4Address:
    addresses = cast("Sequence[Manifest]", _at(node, "status")["addresses"])
    return next(
        IPv4Address(str(entry["address"])) for entry in addresses if entry["type"] == "InternalIP"
    )


def _sequence(manifest: Manifest, key: str) -> Sequence[object]:
    return cast("Sequence[object]", manifest.get(key) or ())


def _at(manifest: Manifest, key: str) -> Manifest:
    return cast(Manifest, manifest.get(key) or {})
