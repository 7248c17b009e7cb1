"""A service of the demo on the cluster: what its pods answer, the pods, and the service."""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

import pulumi
from pulumi_kubernetes.apps import v1 as apps
from pulumi_kubernetes.core import v1 as core

from components.object_meta import object_meta
from render.services import ServiceArtifacts


@dataclass(frozen=True, slots=True, kw_only=True)
class DemoServiceArgs:
    """The rendered objects, and the cluster to give them to."""

    artifacts: ServiceArtifacts
    provider: pulumi.ProviderResource
    gone_with: pulumi.Resource


class DemoService(pulumi.ComponentResource):
    """ConfigMap, Deployment and Service. Pulumi waits until the pods are ready and it has a VIP."""

    def __init__(
        self, name: str, *, args: DemoServiceArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("underlay:index:DemoService", name, None, opts)
        self._args = args
        rendered = args.artifacts
        answers = core.ConfigMap(
            f"{name}-answers",
            metadata=object_meta(rendered.config_map),
            data=cast("dict[str, str]", rendered.config_map["data"]),
            opts=self._inside(),
        )
        pods = apps.Deployment(
            f"{name}-pods",
            metadata=object_meta(rendered.deployment),
            spec=cast("apps.DeploymentSpecArgsDict", rendered.deployment["spec"]),
            opts=self._inside(answers),
        )
        core.Service(
            f"{name}-service",
            metadata=object_meta(rendered.service),
            spec=cast("core.ServiceSpecArgsDict", rendered.service["spec"]),
            opts=self._inside(pods),
        )
        self.register_outputs({})

    def _inside(self, *after: pulumi.Resource) -> pulumi.ResourceOptions:
        return pulumi.ResourceOptions(
            parent=self,
            provider=self._args.provider,
            depends_on=list(after),
            deleted_with=self._args.gone_with,
        )
