"""The last resource of a stack on libvirt."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pulumi
from pulumi.dynamic import Resource

from verify.converged import ConvergedProvider, Props

if TYPE_CHECKING:
    from verify.libvirt_stack import LibvirtStack

_SECRETS = ["management_key", "kubeconfig"]


class LibvirtConvergedProvider(ConvergedProvider):
    """Drives the waiting for routers and nodes that are machines of their own."""

    ways = ("libvirt", "host_keys", "management_key", "kubeconfig")

    def watched(self, props: Props) -> LibvirtStack:
        from verify.libvirt_stack import libvirt_stack

        return libvirt_stack(
            props["stack"],
            fabric=props["fabric"],
            libvirt=props["libvirt"],
            host_keys=props["host_keys"],
            management_key=props["management_key"],
            kubeconfig=props.get("kubeconfig"),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class LibvirtConvergedArgs:
    """A stack's settings, the ways to its machines, and what is waited for.

    `machines` say when, or to what, each was last changed. `host_keys` are the routers' public
    keys by their names; `kubeconfig` is None where there is no cluster. BGP takes seconds, but
    machines under emulation take their time: it is waited for `limit_seconds`.
    """

    stack: str
    fabric: Mapping[str, object]
    libvirt: Mapping[str, object]
    machines: Mapping[str, pulumi.Input[str]]
    host_keys: Mapping[str, pulumi.Input[str]]
    management_key: pulumi.Output[str]
    kubeconfig: pulumi.Output[str] | None
    limit_seconds: float = 180


class LibvirtConverged(Resource, module="libvirt", name="Converged"):
    """Comes up when all sessions and routes of the plan are there; fails with what is missing.

    Routers are asked over SSH; of nodes, the API server says which sessions they have.
    """

    def __init__(
        self, name: str, *, args: LibvirtConvergedArgs, opts: pulumi.ResourceOptions
    ) -> None:
        inputs: dict[str, object] = {
            "stack": args.stack,
            "fabric": dict(args.fabric),
            "libvirt": dict(args.libvirt),
            "machines": dict(args.machines),
            "host_keys": dict(args.host_keys),
            "management_key": args.management_key,
            "limit_seconds": args.limit_seconds,
        }
        if args.kubeconfig is not None:
            inputs["kubeconfig"] = args.kubeconfig
        secret = pulumi.ResourceOptions(additional_secret_outputs=_SECRETS)
        options = pulumi.ResourceOptions.merge(opts, secret)
        super().__init__(LibvirtConvergedProvider(), name, inputs, options)
