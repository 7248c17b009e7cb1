"""Secret artifacts, once the stack has the passwords that they take."""

from __future__ import annotations

from collections.abc import Mapping

import pulumi

from render.sealed import Content, Sealed


def opened(
    sealed: Sealed[Content], passwords: Mapping[str, pulumi.Output[str]]
) -> pulumi.Output[Content]:
    """What the passwords make of it. It is a secret, as they are."""
    return pulumi.Output.all(**{name: passwords[name] for name in sealed.passwords}).apply(
        sealed.make
    )
