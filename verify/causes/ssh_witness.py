"""Looks more closely at a stack on libvirt: routers over SSH, nodes by the API server.

Less is to be seen than on a twin. Nodes are only what Cilium's resources say of them: Talos has no
shell. Nothing is dialled, for OpenWrt's BusyBox has no client that signs; instead the router's
counters are read before and after a time in which every neighbor has dialled at least once. They
are one for all sessions of the router, so with several sessions down it stays open whose it was.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from typing import cast

from config.machines import Node, Router
from config.plan import Plan
from config.sessions import Session, SessionKind
from day1.ssh import Address
from render import bird
from render.cilium import LISTEN_PORT
from twin import birdc
from twin.manifest import Manifest, labels, mapping, name, sequence
from verify import announcements, cluster_probes, ssh_probes
from verify.causes import bird_words, subjects, tcp_probe
from verify.causes.cards import cards
from verify.causes.evidence import Answer, BfdEnd, End, Log, Speaker, Told, Way, World

_BGP_PORT = 179

#: Longer than any retry of BIRD's and Cilium's, and than GoBGP is idle after a loss.
_SAMPLE_SECONDS = 8

_NOW = "date '+%Y-%m-%d %H:%M:%S'"
_LOG = f"{_NOW}; logread -e 'bird'"
_END_OF_SESSIONS = "# /etc/bird.conf"
_BFD = (
    f"{_NOW}; {ssh_probes.BIRDC} show bfd sessions; echo '{_END_OF_SESSIONS}'; "
    f"cat {bird.CONFIGURATION}"
)
_PROTOCOLS = f"{ssh_probes.BIRDC} show protocols all"
#: Not of IPv4 alone, which would leave out a bridge's ports.
_ADDRESSES = "/sbin/ip -j address show"
_NETSTAT = "cat /proc/net/netstat"
_SAMPLE = f"{_NETSTAT}; sleep {_SAMPLE_SECONDS}; {_NETSTAT}"

_CILIUM = "/apis/cilium.io/v2"
_KINDS = {
    "CiliumLoadBalancerIPPool": f"{_CILIUM}/ciliumloadbalancerippools",
    "CiliumBGPAdvertisement": f"{_CILIUM}/ciliumbgpadvertisements",
    "CiliumBGPPeerConfig": f"{_CILIUM}/ciliumbgppeerconfigs",
    "Service": "/api/v1/services",
    "EndpointSlice": "/apis/discovery.k8s.io/v1/endpointslices",
}
_NODE_CONFIGS = f"{_CILIUM}/ciliumbgpnodeconfigs"

#: The words of BIRD's last error, from the kernel, for what came of its own connections.
_ANSWERS = {
    "Connection refused": Answer.REFUSED,
    "No route to host": Answer.UNREACHABLE,
    "Network is unreachable": Answer.UNREACHABLE,
}


#: What it says where nobody answers.
_SILENT = ("Hold timer expired", "timed out")


@dataclass(frozen=True)
class SshWitness:
    """The machines of a stack, and the ways to them. Each is asked when it is needed, and once.

    `fetch` gets a document of the API server by its path, and raises `ClusterError`.
    """

    plan: Plan
    addresses: Mapping[str, Address]
    fetch: Callable[[str], Manifest]
    limit_seconds: float
    _said: dict[tuple[str, str], str | None] = field(default_factory=dict)

    def end(self, session: Session, machine: str) -> End | None:
        """A router's own word, or what Cilium was told of a node."""
        if machine not in self.addresses:
            return self._node_end(machine)
        protocols, links = self._run(machine, _PROTOCOLS), self._run(machine, _ADDRESSES)
        if protocols is None:
            return None
        speakers = bird_words.speakers(protocols.splitlines())
        is_up = "BIRD" in protocols and "Name" in protocols
        addresses, down = cards(json.loads(links or "[]"), str(session.local_address))
        return End(machine, speakers if is_up else None, addresses if links else None, down)

    def ways(self, session: Session, machine: str) -> Sequence[Way]:
        """From and to the routers among the two; what is not known of them is left open."""
        back = subjects.back(self.plan, session)
        return [
            way
            for near, of in ((machine, session), (session.neighbor_name, back))
            if near in self.addresses
            for way in self._ways_of(near, of)
        ]

    def bfd(self, router: str) -> BfdEnd | None:
        """What its BIRD says, and the file that it has read."""
        now, _, rest = (self._run(router, _BFD) or "").partition("\n")
        listed, _, configuration = rest.partition(f"{_END_OF_SESSIONS}\n")
        with suppress(ValueError):
            sessions = birdc.bfd_listed(listed.splitlines())
            return BfdEnd(router, sessions, configuration, datetime.fromisoformat(now))
        return None

    def told(self, router: Router) -> Told:
        """What its BIRD says of its routes."""
        routes = self._run(router.name, f"{ssh_probes.BIRDC} show route") or ""
        refused = self._run(router.name, f"{ssh_probes.BIRDC} {announcements.QUESTIONS[0]}") or ""
        return Told(
            bird_words.vias(routes.splitlines()),
            tuple(announcements.refused(refused.splitlines())),
        )

    def log(self, router: Router) -> Log:
        """What OpenWrt's log has kept of BIRD's."""
        now, _, lines = self._logs.get(router.name, "").partition("\n")
        with suppress(ValueError):
            return Log(lines.splitlines(), datetime.fromisoformat(now))
        return Log()

    def world(self, node: Node) -> World | None:
        """The cluster's resources; the same for every node."""
        return self._world

    def untranslated(self, node: Node, address: str) -> bool | None:
        """Cannot be seen: it is in the node's eBPF maps."""
        return None

    def unsteered(self, node: Node, pod: str) -> bool | None:
        """Cannot be seen, as before."""
        return None

    def _ways_of(self, router: str, session: Session) -> list[Way]:
        neighbor = session.neighbor_name
        is_node = session.neighbor_kind is SessionKind.NODE
        ping = f"ping -c 3 -W 1 -I {session.local_address} {session.neighbor} >/dev/null && echo up"
        said = self._run(router, ping)
        is_pinged = None if said is None else said.strip() == "up"
        words = next((s.words for s in self._speakers(router, session)), "")
        answer = next((a for text, a in _ANSWERS.items() if text in words), Answer.UNKNOWN)
        heard = Answer.UNKNOWN
        if is_pinged and answer is Answer.UNKNOWN:
            if self._drops_signatures(router):
                heard = Answer.UNSIGNED
            elif not words or any(text in words for text in _SILENT):
                answer = Answer.SILENT
        port = LISTEN_PORT if is_node else _BGP_PORT
        return [
            Way(router, neighbor, port, answer, is_pinged),
            Way(neighbor, router, _BGP_PORT, heard, is_pinged),
        ]

    def _drops_signatures(self, router: str) -> bool:
        """Whether the router drops segments for their signatures while its neighbors dial."""
        lines = (self._run(router, _SAMPLE) or "").splitlines()
        pairs = [line for line in lines if line.startswith("TcpExt:")]
        if len(pairs) != 4:
            return False
        before, after = (tcp_probe.md5_counters("\n".join(p)) for p in (pairs[:2], pairs[2:]))
        return any(after[counter] > before[counter] for counter in after)

    def _speakers(self, machine: str, session: Session) -> list[Speaker]:
        end = self.end(session, machine)
        found = (end.speakers if end else None) or ()
        return [speaker for speaker in found if speaker.neighbor == str(session.neighbor)]

    def _node_end(self, machine: str) -> End | None:
        with suppress(cluster_probes.ClusterError):
            for item in sequence(self.fetch(_NODE_CONFIGS), "items"):
                if name(item) == machine:
                    return End(machine, tuple(_cilium_speakers(item)))
            return End(machine, ())
        return None

    def _run(self, router: str, command: str) -> str | None:
        key = router, command
        if key not in self._said:
            only = {router: self.addresses[router]}
            self._said[key] = ssh_probes.run_all(only, command, self.limit_seconds).get(router)
        return self._said[key]

    @cached_property
    def _logs(self) -> Mapping[str, str]:
        """Of all routers at a time: they are read at every verification."""
        return ssh_probes.run_all(self.addresses, _LOG, self.limit_seconds)

    @cached_property
    def _world(self) -> World | None:
        try:
            documents = [
                {**item, "kind": kind}
                for kind, path in _KINDS.items()
                for item in sequence(self.fetch(path), "items")
            ]
        except cluster_probes.ClusterError:
            return None
        return World(
            manifests=documents,
            given={name(item): _given(item) for item in documents if item["kind"] == "Service"},
            ready=frozenset(
                backend.pod
                for service in self.plan.load_balancing.demo
                for backend in service.backends
                if backend.node in _ready_nodes(documents, service.name)
            ),
        )


def _cilium_speakers(item: Manifest) -> list[Speaker]:
    """A node's sessions as a `CiliumBGPNodeConfig` has them (cilium.io/v2)."""
    return [
        Speaker(
            neighbor=str(peer.get("peerAddress", "")),
            neighbor_asn=cast(int, peer.get("peerASN", 0)),
            local_asn=cast(int, instance.get("localASN", 0)),
        )
        for instance in sequence(mapping(item, "spec"), "bgpInstances")
        for peer in sequence(instance, "peers")
    ]


def _given(service: Manifest) -> frozenset[str]:
    ingress = sequence(mapping(service, "status", "loadBalancer"), "ingress")
    return frozenset(str(entry["ip"]) for entry in ingress if "ip" in entry)


def _ready_nodes(documents: Sequence[Manifest], service: str) -> set[str]:
    """The nodes with a pod of the service that is ready (discovery.k8s.io/v1 `EndpointSlice`)."""
    return {
        str(endpoint.get("nodeName"))
        for item in documents
        if item["kind"] == "EndpointSlice"
        and labels(item).get("kubernetes.io/service-name") == service
        for endpoint in sequence(item, "endpoints")
        if mapping(endpoint, "conditions").get("ready") is not False
    }
