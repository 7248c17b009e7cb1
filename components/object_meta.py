"""What a rendered object of the cluster is called, for its resource."""

from __future__ import annotations

from typing import cast

from pulumi_kubernetes.meta import v1 as meta

from render.documents import Document


def object_meta(document: Document) -> meta.ObjectMetaArgs:
    """The document's `metadata`."""
    metadata = cast("Document", document["metadata"])
    return meta.ObjectMetaArgs(
        name=cast("str", metadata["name"]),
        namespace=cast("str", metadata["namespace"]),
        labels=cast("dict[str, str]", metadata["labels"]),
        annotations=cast("dict[str, str] | None", metadata.get("annotations")),
    )
