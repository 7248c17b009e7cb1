"""A router's files as the program declares them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import pulumi
from pulumi import Input, Output
from pulumi.dynamic import Resource

from day1.providers import RouterFilesProvider


@dataclass(frozen=True, slots=True, kw_only=True)
class RouterFilesArgs:
    """Where a router is, and the files that it is to have: text by absolute path.

    `host_key` is the router's public key, pinned; `private_key` is ours, in OpenSSH's format.
    `machine` names the machine: when it is another, it gets its files anew. A router may take
    `answer_seconds` to boot; a change that is not confirmed within `confirm_seconds` is taken back.
    """

    host: Input[str]
    host_key: Input[str]
    private_key: Input[str]
    files: Mapping[str, str]
    secret_files: Mapping[str, Input[str]]
    port: int = 22
    user: str = "root"
    machine: Input[str] = ""
    answer_seconds: float = 180
    confirm_seconds: int = 30


class RouterFiles(Resource, module="day1", name="RouterFiles"):
    """The files that a router has from us, changed in place.

    A change is checked by the router before it is loaded, confirmed by a new connection, and taken
    back by the router itself where that does not come about. Deletion leaves the files to go with
    their machine. `applied_at` is when the router was last given files.
    """

    applied_at: pulumi.Output[str]

    def __init__(
        self, name: str, *, args: RouterFilesArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        inputs = {
            "host": args.host,
            "host_key": args.host_key,
            "private_key": Output.secret(args.private_key),
            "files": dict(args.files),
            "secret_files": Output.secret(dict(args.secret_files)) if args.secret_files else {},
            "port": args.port,
            "user": args.user,
            "machine": args.machine,
            "answer_seconds": args.answer_seconds,
            "confirm_seconds": args.confirm_seconds,
            "applied_at": None,
        }
        secret = pulumi.ResourceOptions(additional_secret_outputs=["private_key", "secret_files"])
        options = pulumi.ResourceOptions.merge(opts, secret)
        super().__init__(RouterFilesProvider(), name, inputs, options)
