"""An SSH key pair, made once and kept in the stack's state, its private half as a secret."""

from __future__ import annotations

import subprocess
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pulumi
from pulumi.dynamic import CreateResult, DiffResult, Resource, ResourceProvider

# The engine's property maps are untyped by nature.
Props = dict[str, Any]


def generate(comment: str) -> tuple[str, str]:
    """A new Ed25519 key: the private half in OpenSSH's format, and the public one as a line."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / "key"
        command = ("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", comment, "-f", str(path))
        try:
            subprocess.run(command, check=True, capture_output=True, timeout=30)
        except FileNotFoundError:
            raise RuntimeError(
                "ssh-keygen is not on PATH: install openssh-client and run this again"
            ) from None
        return path.read_text(), path.with_suffix(".pub").read_text().strip()


class SshKeyProvider(ResourceProvider):
    """Drives a key: there is nothing but making it."""

    def create(self, props: Props) -> CreateResult:
        private, public = generate(props["comment"])
        outputs = {"comment": props["comment"], "private_key": private, "public_key": public}
        return CreateResult(props["comment"], outputs)

    def diff(self, _id: str, _olds: Props, _news: Props) -> DiffResult:
        is_changed = _olds["comment"] != _news["comment"]
        return DiffResult(changes=is_changed, replaces=["comment"] if is_changed else [])


class SshKey(Resource, module="ssh", name="Key"):
    """A key pair. `comment` says whose it is; another comment is another key."""

    private_key: pulumi.Output[str]
    public_key: pulumi.Output[str]

    def __init__(self, name: str, *, comment: str, opts: pulumi.ResourceOptions) -> None:
        inputs = {"comment": comment, "private_key": None, "public_key": None}
        secret = pulumi.ResourceOptions(additional_secret_outputs=["private_key"])
        super().__init__(SshKeyProvider(), name, inputs, pulumi.ResourceOptions.merge(opts, secret))
