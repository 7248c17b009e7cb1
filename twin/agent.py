"""What Cilium's agent on a node makes of the documents that concern it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import asdict, dataclass
from functools import cached_property
from ipaddress import ip_address

from config.families import Family, Network, family_of, of
from twin import backends, cilium, egress, gobgp, load_balancer, manifest
from twin.manifest import Manifest, TranslationError
from twin.place import Place
from twin.services import Endpoint, Service, services
from twin.steering import Steering


@dataclass(frozen=True)
class Agent:
    """An agent's view: its node, and the cluster's documents as YAML.

    `labels` are the node's, `interfaces` the addresses of its interfaces by their names, `node` is
    its object of the Kubernetes API.
    """

    stack: str
    name: str
    labels: Mapping[str, str]
    interfaces: Mapping[str, Sequence[str]]
    node: str
    helm_values: str
    manifests: tuple[str, ...]

    @property
    def place(self) -> Place:
        """Where its node stands."""
        return Place(self.stack, self.name)

    @cached_property
    def services(self) -> tuple[Service, ...]:
        """The cluster's services."""
        return services(self._manifests, cilium.families(self.values))

    @property
    def endpoints(self) -> tuple[Endpoint, ...]:
        """The pods behind any service."""
        return tuple(endpoint for service in self.services for endpoint in service.endpoints)

    @property
    def own_endpoints(self) -> tuple[Endpoint, ...]:
        """Those on its own node."""
        return tuple(endpoint for endpoint in self.endpoints if endpoint.node == self.name)

    def ready(self) -> frozenset[str]:
        """The pods that answer at this moment."""
        return backends.ready(self.stack, self.endpoints)

    def speaker(self, ready: AbstractSet[str]) -> gobgp.Speaker | None:
        """What its BGP control plane does while these pods answer; nothing where it is off."""
        mode = self.values.get("routingMode")
        if mode != "native":
            raise TranslationError(f"routingMode {mode} is not in the twin: use native")
        if not manifest.mapping(self.values, "bgpControlPlane").get("enabled"):
            return None
        return cilium.speaker(
            cilium.resources(self._manifests),
            cilium.Local(
                name=self.name,
                labels=self.labels,
                addresses=manifest.internal_addresses(self._object),
                pod_cidrs=self.pod_cidrs,
                interfaces={
                    name: [ip_address(text) for text in texts]
                    for name, texts in self.interfaces.items()
                },
                services=self.services,
                ready=ready,
                announces_without_endpoints=bool(
                    self.values.get("enableNoServiceEndpointsRoutable", True)
                ),
            ),
        )

    def steering(
        self, lans: Sequence[Network], others: Sequence[Manifest]
    ) -> Mapping[Family, Steering]:
        """What it makes of egress policies on its LAN; `others` are the Node objects of others."""
        entries = egress.entries(self.values, self._manifests, [self._object, *others])
        return {
            family: Steering(
                family=family,
                name=self.name,
                addresses=frozenset(manifest.internal_addresses(self._object)),
                held=frozenset(ip_address(a) for held in self.interfaces.values() for a in held),
                lans=tuple(lans),
                entries=tuple(entry for entry in entries if family_of(entry.source) is family),
            )
            for family in Family
        }

    def rules(self, ready: AbstractSet[str]) -> str:
        """Its load balancing as an nftables script."""
        mode = manifest.mapping(self.values, "loadBalancer").get("mode", "snat")
        if mode != "snat":
            raise TranslationError(f"loadBalancer.mode {mode} is not in the twin: use snat")
        if not self.services:
            return load_balancer.NONE
        addresses = manifest.internal_addresses(self._object)
        return load_balancer.ruleset(
            self.services,
            node=self.name,
            own=[
                load_balancer.Own(of(family_of(cidr), addresses), cidr) for cidr in self.pod_cidrs
            ],
            ready=ready,
        )

    @property
    def pod_cidrs(self) -> list[Network]:
        """The ranges of its node's pods, in the families that Cilium has turned on."""
        families = cilium.families(self.values)
        cidrs = manifest.pod_cidrs(self._object)
        return [cidr for cidr in cidrs if family_of(cidr) in families]

    @cached_property
    def values(self) -> Manifest:
        """Cilium's values."""
        return manifest.document(self.helm_values)

    def as_text(self) -> str:
        """For another process."""
        return json.dumps(asdict(self))

    @classmethod
    def from_text(cls, text: str) -> Agent:
        """From the other process."""
        fields = json.loads(text)
        return cls(**{**fields, "manifests": tuple(fields["manifests"])})

    @cached_property
    def _object(self) -> Manifest:
        return manifest.document(self.node)

    @cached_property
    def _manifests(self) -> list[Manifest]:
        return [manifest.document(text) for text in self.manifests]
