"""The passwords of BGP sessions: those that were given, and those that are made with the stack.

What is made is one key, a resource, so that it stays what it is from run to run; the engine keeps
it as a secret: encrypted in the state, hidden in whatever is printed. Each password follows from it
by its name and its rotation. So a preview knows them all, and says who is given another one.
"""

from __future__ import annotations

import base64
import hmac
import secrets
from collections.abc import Mapping
from functools import partial
from typing import Any

import pulumi
from pulumi.dynamic import CreateResult, DiffResult, Resource, ResourceProvider

from config.plan import Plan
from config.security import Rotations
from config.sessions import PEERING_PASSWORD

# The engine's property maps are untyped by nature.
Props = dict[str, Any]

#: As long as what is derived from it (RFC 2104, section 3).
_KEY_BYTES = 32


class PasswordKeyProvider(ResourceProvider):
    """Drives a key: there is nothing but making it.

    A provider is stored with each resource as the name of its class, which is no secret.
    """

    serialize_as_secret_always = False

    def create(self, props: Props) -> CreateResult:
        return CreateResult("password-key", {"key": secrets.token_hex(_KEY_BYTES)})

    def diff(self, _id: str, _olds: Props, _news: Props) -> DiffResult:
        return DiffResult(changes=False)


class PasswordKey(Resource, module="bgp", name="PasswordKey"):
    """A key, in hexadecimal digits, that nobody has seen."""

    key: pulumi.Output[str]

    def __init__(self, name: str, *, opts: pulumi.ResourceOptions) -> None:
        secret = pulumi.ResourceOptions(additional_secret_outputs=["key"])
        merged = pulumi.ResourceOptions.merge(opts, secret)
        super().__init__(PasswordKeyProvider(), name, {"key": None}, merged)


def derived(key: str, name: str, rotation: int) -> str:
    """A password: 43 characters of which none needs quoting (RFC 2104; RFC 4648, section 5)."""
    tag = hmac.digest(bytes.fromhex(key), f"{name} {rotation}".encode(), "sha256")
    return base64.urlsafe_b64encode(tag).rstrip(b"=").decode()


class Passwords(pulumi.ComponentResource):
    """The passwords that the plan's sessions use, by their names there; all of them secrets."""

    by_name: dict[str, pulumi.Output[str]]

    def __init__(
        self,
        name: str,
        *,
        plan: Plan,
        given: Mapping[str, str],
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("underlay:index:Passwords", name, None, opts)
        own = plan.passwords & given.keys()
        self.by_name = {used: pulumi.Output.secret(given[used]) for used in own}
        if made := plan.passwords - own:
            key = PasswordKey(f"{name}-key", opts=pulumi.ResourceOptions(parent=self)).key
            for used in made:
                rotation = _rotation(plan.security.rotations, used)
                self.by_name[used] = key.apply(partial(derived, name=used, rotation=rotation))
        self.register_outputs({})


def _rotation(rotations: Rotations, name: str) -> int:
    if name == PEERING_PASSWORD:
        return rotations.peering
    return rotations.datacentres.get(name, 1)
