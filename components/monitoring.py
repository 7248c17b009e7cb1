"""What a Prometheus and a Grafana in the cluster find by themselves."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

import pulumi
from pulumi_kubernetes.apiextensions import CustomResource
from pulumi_kubernetes.core import v1 as core

from components.object_meta import object_meta
from render.documents import Document


class Monitoring(pulumi.ComponentResource):
    """The rendered objects, in a namespace that is there already.

    Whoever runs the Prometheus made it, and registered the kinds of its operator: neither is the
    network's to make, and neither is there before the network is.
    """

    def __init__(
        self, name: str, *, documents: Sequence[Document], opts: pulumi.ResourceOptions
    ) -> None:
        super().__init__("underlay:index:Monitoring", name, None, opts)
        own = pulumi.ResourceOptions(parent=self, deleted_with=opts.deleted_with)
        for document in documents:
            kind = cast("str", document["kind"])
            of_kind = f"{name}-{kind.lower()}"
            if kind == "ConfigMap":
                core.ConfigMap(
                    of_kind,
                    metadata=object_meta(document),
                    data=cast("dict[str, str]", document["data"]),
                    opts=own,
                )
            else:
                CustomResource(
                    of_kind,
                    api_version=cast("str", document["apiVersion"]),
                    kind=kind,
                    metadata=object_meta(document),
                    spec=document["spec"],
                    opts=own,
                )
        self.register_outputs({})
