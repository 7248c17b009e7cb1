"""All that is rendered from a plan, by the machine it is for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from config.machines import Node, Router, Site
from config.plan import Plan
from render import (
    bird,
    cilium,
    egress,
    keepalived,
    kubernetes,
    metrics,
    monitoring,
    openwrt,
    services,
    talos,
)
from render.documents import Document
from render.sealed import Sealed
from render.services import ServiceArtifacts


@dataclass(frozen=True, slots=True)
class RouterArtifacts:
    """A router's files: text by absolute path. The secret ones hold passwords and nothing else."""

    files: Mapping[str, str]
    secret_files: Mapping[str, Sealed[str]]


@dataclass(frozen=True, slots=True)
class NodeArtifacts:
    """A node's Talos patch, its Node object, and what is its own in Cilium's BGP, if anything."""

    machine_patch: str
    node: Document
    bgp_override: Document | None


@dataclass(frozen=True, slots=True)
class SiteArtifacts:
    """What the cluster is told about one datacentre: its BGP, and the way out for some of its pods.

    There is a peer config in each family, and a policy in each that gateways are for.
    `egress_pods` are the twin's, which has no API server that would know them.
    """

    name: str
    cluster_config: Document
    peer_configs: tuple[Document, ...]
    egress_policies: tuple[Document, ...]
    egress_pods: tuple[Document, ...]
    secret: Sealed[Document] | None


@dataclass(frozen=True, slots=True)
class Artifacts:
    """Everything: routers and nodes by name, datacentres that have nodes by name, the cluster.

    `advertisements` and `pools` are Cilium's resources, `demo` is what runs on top.
    `monitoring` are objects for a Prometheus and a Grafana in it.
    """

    routers: Mapping[str, RouterArtifacts]
    nodes: Mapping[str, NodeArtifacts]
    sites: Mapping[str, SiteArtifacts]
    helm_values: Document
    advertisements: tuple[Document, ...]
    pools: tuple[Document, ...]
    demo: tuple[ServiceArtifacts, ...]
    monitoring: tuple[Document, ...]


def render(plan: Plan) -> Artifacts:
    """Every artifact of the plan."""
    return Artifacts(
        routers={
            router.name: _router(plan, site, router)
            for site in plan.sites
            for router in site.routers
        },
        nodes={node.name: _node(plan, site, node) for site in plan.sites for node in site.nodes},
        sites={site.name: _site(plan, site) for site in plan.sites if site.nodes},
        helm_values=cilium.helm_values(plan),
        advertisements=(cilium.bgp_advertisement(plan),),
        pools=tuple(services.pool(pool) for pool in plan.load_balancing.pools),
        demo=tuple(services.demo(plan, service) for service in plan.load_balancing.demo),
        monitoring=monitoring.documents(plan),
    )


def _router(plan: Plan, site: Site, router: Router) -> RouterArtifacts:
    return RouterArtifacts(
        files={
            bird.CONFIGURATION: bird.bird_conf(plan, site, router),
            "/etc/config/network": openwrt.network(plan, site, router),
            "/etc/config/firewall": openwrt.firewall(plan, site, router) + metrics.firewall(plan),
            "/etc/config/dhcp": openwrt.dhcp(plan, site),
            "/etc/sysctl.d/90-underlay.conf": openwrt.sysctl(plan, site),
            **keepalived.files(site, router),
            **metrics.files(plan, site, router),
        },
        secret_files=bird.secret_files(plan, router),
    )


def _node(plan: Plan, site: Site, node: Node) -> NodeArtifacts:
    return NodeArtifacts(
        machine_patch=talos.machine_patch(plan, site, node),
        node=kubernetes.node_object(node),
        bgp_override=cilium.bgp_override(plan, node),
    )


def _site(plan: Plan, site: Site) -> SiteArtifacts:
    return SiteArtifacts(
        name=site.name,
        cluster_config=cilium.bgp_cluster_config(plan, site),
        peer_configs=tuple(cilium.bgp_peer_config(plan, site, family) for family in plan.families),
        egress_policies=egress.policies(plan, site),
        egress_pods=egress.pods(plan, site),
        secret=cilium.bgp_secret(plan, site),
    )
