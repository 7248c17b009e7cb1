"""Refuses what Pulumi lets pass: a resource that no component owns."""

from __future__ import annotations

import pulumi

#: The type tokens of this program's own components.
_OWN = "underlay:index:"


class UnparentedError(RuntimeError):
    """A resource was declared without `parent`, so that it would stand beside its component."""


def refuse_orphans(top: str) -> None:
    """Fail the program at the first resource that has no parent and is no component named `top`."""

    def check(args: pulumi.ResourceTransformationArgs) -> None:
        parent = args.opts.parent
        is_root = parent is None or getattr(parent, "_type", "") == "pulumi:pulumi:Stack"
        if is_root and not (args.type_.startswith(_OWN) and args.name == top):
            raise UnparentedError(f"{args.type_} {args.name} has no parent: give it parent=self")

    pulumi.runtime.register_stack_transformation(check)
