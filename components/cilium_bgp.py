"""Cilium on the cluster, and what its BGP control plane is told."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import cast

import pulumi
import pulumi_kubernetes as kubernetes
from pulumi_kubernetes.apiextensions import CustomResource
from pulumi_kubernetes.core import v1 as core
from pulumi_kubernetes.helm import v3 as helm
from pulumi_kubernetes.meta import v1 as meta

from components.api_objects import ApiObjects, Wanted
from components.demo_service import DemoService, DemoServiceArgs
from components.monitoring import Monitoring
from config.libvirt import Cilium
from config.plan import Plan
from engine.opened import opened
from render.artifacts import Artifacts, SiteArtifacts
from render.cilium import SECRETS_NAMESPACE, secret_name
from render.documents import Document
from render.sealed import Sealed

#: Where Cilium's operator and agents live.
_NAMESPACE = "kube-system"

#: The kinds that are used here; the operator registers them when it starts, the chart does not.
_CRDS = (
    "ciliumbgpclusterconfigs",
    "ciliumbgppeerconfigs",
    "ciliumbgpadvertisements",
    "ciliumloadbalancerippools",
    "ciliumegressgatewaypolicies",
)
_CRD_PATH = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions/{}.cilium.io"

#: Images are pulled and machines reboot into what they installed: minutes on a slow line.
_NODES_SECONDS = 1200
_CRDS_SECONDS = 600
_CHART_SECONDS = 900


@dataclass(frozen=True, slots=True, kw_only=True)
class CiliumBgpArgs:
    """The rendered values and resources, and the cluster to give them to.

    `cluster` begins the provider's identity. In-cluster objects go with `gone_with`, without a
    word to an API that is going down.
    """

    plan: Plan
    artifacts: Artifacts
    passwords: Mapping[str, pulumi.Output[str]]
    settings: Cilium
    identity: str
    kubeconfig: pulumi.Output[str]
    gone_with: pulumi.Resource


class CiliumBgp(pulumi.ComponentResource):
    """Nodes that have joined, their PodCIDRs, the chart, its CRDs, its resources, health, the demo.

    In this order, since each waits for the one before: no node is ready without Cilium, Cilium
    does not start on a node without a PodCIDR, and a PodCIDR needs a Node to stand in.

    PodCIDRs are set by `NodePatch`. To make the Node beforehand is no way: the first kubelet
    registers its own as soon as there is an API at all, and Pulumi will not create what exists.
    The patch is never taken back, because a PodCIDR can only be set once (Kubernetes API,
    NodeSpec): it ends with its Node.
    """

    def __init__(
        self, name: str, *, args: CiliumBgpArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("underlay:index:CiliumBgp", name, None, opts)
        self._name = name
        self._args = args
        # A constant identity: a renewed kubeconfig must not replace the provider and all in it
        # (pulumi-kubernetes #4019, #2745).
        self._provider = kubernetes.Provider(
            f"{name}-provider",
            kubeconfig=args.kubeconfig,
            cluster_identifier=args.identity,
            delete_unreachable=True,
            opts=pulumi.ResourceOptions(parent=self),
        )
        nodes = [f"/api/v1/nodes/{node.name}" for node in args.plan.nodes]
        joined = self._wait(
            "joined",
            [Wanted(path) for path in nodes],
            _NODES_SECONDS,
            "A node that does not join may still be in maintenance mode: look at its console "
            "(virsh console), and at `talosctl dmesg`.",
            after=[args.gone_with],
        )
        pinned = [
            self._pod_cidr(node, artifacts.node, joined)
            for node, artifacts in args.artifacts.nodes.items()
        ]
        release = self._release(pinned)
        registered = self._wait(
            "crds",
            [Wanted(_CRD_PATH.format(kind), "Established") for kind in _CRDS],
            _CRDS_SECONDS,
            "Cilium's operator registers them: look at the pods of kube-system.",
            after=[release],
        )
        resources = [
            resource
            for site in args.artifacts.sites.values()
            for resource in self._site(site, registered)
        ]
        resources += [
            self._resource("advertise", document, [registered])
            for document in args.artifacts.advertisements
        ]
        resources += [
            self._resource("pool", document, [registered]) for document in args.artifacts.pools
        ]
        ready = self._wait(
            "ready",
            [Wanted(path, "Ready") for path in nodes],
            _NODES_SECONDS,
            "Ask the node why: kubectl describe node, cilium status.",
            after=resources,
        )
        if args.artifacts.monitoring:
            Monitoring(
                f"{name}-monitoring",
                documents=args.artifacts.monitoring,
                opts=self._inside(ready),
            )
        for artifacts in args.artifacts.demo:
            DemoService(
                f"{self._name}-demo-{artifacts.name}",
                args=DemoServiceArgs(
                    artifacts=artifacts, provider=self._provider, gone_with=args.gone_with
                ),
                opts=pulumi.ResourceOptions(parent=self, depends_on=[ready]),
            )
        self.register_outputs({})

    def _inside(self, *after: pulumi.Resource) -> pulumi.ResourceOptions:
        return pulumi.ResourceOptions(
            parent=self,
            provider=self._provider,
            depends_on=list(after),
            deleted_with=self._args.gone_with,
        )

    def _wait(
        self,
        what: str,
        objects: Sequence[Wanted],
        seconds: int,
        remedy: str,
        *,
        after: Sequence[pulumi.Resource],
    ) -> ApiObjects:
        return ApiObjects(
            f"{self._name}-{what}",
            kubeconfig=self._args.kubeconfig,
            objects=objects,
            limit_seconds=seconds,
            remedy=remedy,
            opts=pulumi.ResourceOptions(parent=self, depends_on=list(after)),
        )

    def _pod_cidr(self, node: str, document: Document, joined: pulumi.Resource) -> core.NodePatch:
        spec = cast("dict[str, object]", document["spec"])
        return core.NodePatch(
            f"{self._name}-pod-cidr-{node}",
            metadata=meta.ObjectMetaPatchArgs(
                name=node, annotations={"pulumi.com/patchForce": "true"}
            ),
            spec=core.NodeSpecPatchArgs(
                pod_cidr=cast("str", spec["podCIDR"]), pod_cidrs=cast("list[str]", spec["podCIDRs"])
            ),
            opts=pulumi.ResourceOptions.merge(
                self._inside(joined), pulumi.ResourceOptions(retain_on_delete=True)
            ),
        )

    def _release(self, pinned: Sequence[pulumi.Resource]) -> helm.Release:
        settings = self._args.settings
        source = (
            {"chart": settings.chart}
            if settings.chart
            else {
                "chart": "cilium",
                "version": settings.version,
                "repository_opts": helm.RepositoryOptsArgs(repo=settings.repository),
            }
        )
        return helm.Release(
            f"{self._name}-chart",
            helm.ReleaseArgs(
                name="cilium",
                namespace=_NAMESPACE,
                values=self._args.artifacts.helm_values,
                timeout=_CHART_SECONDS,
                cleanup_on_fail=True,
                **source,
            ),
            opts=self._inside(*pinned),
        )

    def _site(self, site: SiteArtifacts, after: pulumi.Resource) -> list[pulumi.Resource]:
        """The secret first: without it, sessions would be tried without a password."""
        secrets = [self._secret(site.name, site.secret, after)] if site.secret is not None else []
        peers = [
            self._resource("peers", document, [after, *secrets]) for document in site.peer_configs
        ]
        instance = self._resource("instance", site.cluster_config, [after, *secrets, *peers])
        policies = [self._resource("egress", policy, [after]) for policy in site.egress_policies]
        return [*secrets, *peers, instance, *policies]

    def _secret(self, site: str, sealed: Sealed[Document], after: pulumi.Resource) -> core.Secret:
        data = opened(sealed, self._args.passwords).apply(
            lambda document: cast("dict[str, str]", document["stringData"])
        )
        return core.Secret(
            f"{self._name}-password-{site}",
            metadata=meta.ObjectMetaArgs(name=secret_name(site), namespace=SECRETS_NAMESPACE),
            type="Opaque",
            string_data=data,
            opts=self._inside(after),
        )

    def _resource(
        self, what: str, document: Document, after: Sequence[pulumi.Resource]
    ) -> CustomResource:
        metadata = cast("dict[str, str]", document["metadata"])
        return CustomResource(
            f"{self._name}-{what}-{metadata['name']}",
            api_version=cast("str", document["apiVersion"]),
            kind=cast("str", document["kind"]),
            metadata=meta.ObjectMetaArgs(
                name=metadata["name"], labels=cast("dict[str, str] | None", metadata.get("labels"))
            ),
            spec=document["spec"],
            opts=self._inside(*after),
        )
