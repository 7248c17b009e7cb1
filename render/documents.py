"""The type of a document: what a Kubernetes object or Helm's values are before they are text."""

from __future__ import annotations

from typing import TypeAlias

#: A mapping as JSON and YAML know it.
Document: TypeAlias = dict[str, object]
