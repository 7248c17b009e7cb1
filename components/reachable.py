"""A libvirt that answers: checked before anything is asked of it.

The provider dials as soon as it knows the URI. It is given the one that this resource puts out,
which is not known before the first `up`: so a first preview needs no libvirt at all.
"""

from __future__ import annotations

from typing import Any

import pulumi
from pulumi.dynamic import CreateResult, DiffResult, Resource, ResourceProvider, UpdateResult

from config.libvirt import DomainType
from doctor import first

# The engine's property maps are untyped by nature.
Props = dict[str, Any]


class UnreachableError(RuntimeError):
    """libvirt does not answer, or not to us. Says what would help."""


def check(uri: str, domain_type: str) -> None:
    """Raise `UnreachableError` with all that stands in the way, as `make doctor` says it."""
    if found := first.findings(uri, DomainType(domain_type)):
        raise UnreachableError("\n".join(finding.text for finding in found))


class ReachableProvider(ResourceProvider):
    """Drives the check."""

    def create(self, props: Props) -> CreateResult:
        check(props["uri"], props["type"])
        return CreateResult("libvirt", _kept(props))

    def diff(self, _id: str, _olds: Props, _news: Props) -> DiffResult:
        return DiffResult(changes=_kept(_olds) != _kept(_news))

    def update(self, _id: str, _olds: Props, _news: Props) -> UpdateResult:
        check(_news["uri"], _news["type"])
        return UpdateResult(_kept(_news))


def _kept(props: Props) -> Props:
    return {"uri": props["uri"], "type": props["type"], "answered": props["uri"]}


class Reachable(Resource, module="libvirt", name="Reachable"):
    """A libvirt that has answered. `answered` is its URI."""

    answered: pulumi.Output[str]

    def __init__(
        self, name: str, *, uri: str, domain_type: str, opts: pulumi.ResourceOptions
    ) -> None:
        inputs = {"uri": uri, "type": domain_type, "answered": None}
        super().__init__(ReachableProvider(), name, inputs, opts)
