"""The program on mocks that refuse what mocks usually let pass.

Refused: a URN that is taken, a resource without a parent, a name that does not begin with its
parent's, a nested key that the provider's SDK does not declare, a secret in plain sight.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import pulumi
from google.protobuf import empty_pb2
from google.protobuf.json_format import MessageToDict
from pulumi.runtime import mocks, settings, stack
from pulumi.runtime.proto import provider_pb2, resource_pb2

from components import ssh_key
from tests.components import shapes
from tests.engine_libvirt.standin import FUNCTIONS, KINDS, MARK, Kind, plain, struct

#: What goes over the wire is untyped by nature.
Message: TypeAlias = Any

_SIGNATURE_KEY = "4dabf18193072939515e22adb298388d"
_SECRET_SIGNATURE = "1b47061264138c4ac30d75fd1eb44270"
PROJECT, STACK = "underlay", "test"
_STACK = "pulumi:pulumi:Stack"
_PRIVATE_KEY = "PRIVATE KEY"
PASSWORD = f"{MARK}-password"

#: Outputs of the program's own dynamic resources, which no SDK knows.
_DYNAMIC: Mapping[str, Mapping[str, object]] = {
    "pulumi-python:dynamic/ssh:Key": dict(
        zip(("private_key", "public_key"), ssh_key.generate("mock"), strict=True)
    ),
    "pulumi-python:dynamic/bgp:PasswordKey": {"key": "00" * 32},
    "pulumi-python:dynamic/libvirt:Reachable": {"answered": "qemu:///system"},
    "pulumi-python:dynamic/images:RouterImage": {
        "kernel_path": "/cache/kernel-0123",
        "root_path": "/cache/root-4567",
    },
    "pulumi-python:dynamic/images:TalosBoot": {
        "kernel_path": "/cache/vmlinuz-89ab",
        "initramfs_path": "/cache/initramfs-cdef",
    },
    "pulumi-python:dynamic/day1:RouterFiles": {"applied_at": "2026-01-01T00:00:00+00:00"},
}


@dataclass(frozen=True, slots=True)
class Registered:
    """A resource as it was registered. `inputs` are without the marks of secrets."""

    urn: str
    type: str
    name: str
    parent: str
    provider: str
    inputs: Mapping[str, Any]
    request: Message


@dataclass
class StrictMonitor(mocks.MockMonitor):
    """Keeps what was registered, and what was wrong with it."""

    is_preview: bool
    registered: dict[str, Registered] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)
    outputs: dict[str, Any] = field(default_factory=dict)

    def make_urn(self, parent: str, type_: str, name: str) -> str:
        """In whatever thread: there, the SDK's settings are not always those of the test."""
        urn = super().make_urn(parent, type_, name)
        return "::".join((f"urn:pulumi:{STACK}", PROJECT, *urn.split("::")[2:]))

    def RegisterResource(self, request: Message) -> Message:  # noqa: N802
        urn = self.make_urn(request.parent, request.type, request.name)
        if request.type == _STACK:
            return resource_pb2.RegisterResourceResponse(urn=urn)
        marked = MessageToDict(request.object)
        inputs = {key: item for key, item in plain(marked).items() if key != "__provider"}
        self.problems += self._wrong(urn, request, marked, inputs)
        self.registered[urn] = Registered(
            urn, request.type, request.name, request.parent, request.provider, inputs, request
        )
        state = dict(inputs) if self.is_preview else _answer(request.type, inputs)
        id_ = "" if self.is_preview or not request.custom else str(state.pop("id", request.name))
        for name in request.additionalSecretOutputs:
            if name in state:
                state[name] = {_SIGNATURE_KEY: _SECRET_SIGNATURE, "value": state[name]}
        return resource_pb2.RegisterResourceResponse(urn=urn, id=id_, object=struct(state))

    def RegisterResourceOutputs(self, request: Message) -> Message:  # noqa: N802
        if _STACK in request.urn:
            self.outputs = MessageToDict(request.outputs)
        return empty_pb2.Empty()

    def Invoke(self, request: Message) -> Message:  # noqa: N802
        arguments = MessageToDict(request.args)
        self.problems += shapes.problems(request.tok, plain(arguments))
        answer: Message = {"return": struct(FUNCTIONS[request.tok])}
        return provider_pb2.InvokeResponse(**answer)

    def _wrong(
        self, urn: str, request: Message, marked: Message, inputs: Mapping[str, Any]
    ) -> Iterator[str]:
        if urn in self.registered:
            yield f"{urn} is there already"
        _, _, parent_type, parent = request.parent.split("::")
        is_top = parent_type == _STACK
        if is_top and not request.type.startswith("underlay:index:"):
            yield f"{urn} has no parent"
        elif not is_top and not request.name.startswith(f"{parent}-"):
            yield f"{urn}: its name does not begin with {parent}"
        yield from (f"{urn}: {problem}" for problem in shapes.problems(request.type, inputs))
        yield from (f"{urn}: {where} is in plain sight" for where in _in_plain_sight(marked, ""))


def _answer(token: str, inputs: Mapping[str, Any]) -> dict[str, Any]:
    return {**inputs, **KINDS.get(token, Kind()).outputs(dict(inputs)), **_DYNAMIC.get(token, {})}


def _in_plain_sight(value: Message, where: str) -> Iterator[str]:
    if isinstance(value, dict):
        if _SIGNATURE_KEY in value:
            return
        for key, item in value.items():
            yield from _in_plain_sight(item, f"{where}.{key}")
    elif isinstance(value, list):
        for number, item in enumerate(value):
            yield from _in_plain_sight(item, f"{where}[{number}]")
    elif isinstance(value, str) and (MARK in value or _PRIVATE_KEY in value):
        yield where


class _Mocks(mocks.Mocks):
    def new_resource(self, args: mocks.MockResourceArgs) -> tuple[str | None, dict[Any, Any]]:
        raise AssertionError("the monitor answers itself")

    def call(self, args: mocks.MockCallArgs) -> tuple[dict[Any, Any], list[tuple[str, str]] | None]:
        raise AssertionError("the monitor answers itself")


def run(
    program: Callable[[], None],
    config: Mapping[str, str] | None = None,
    *,
    preview: bool = False,
) -> StrictMonitor:
    """Run the program to its end. Whatever was wrong is in the monitor's `problems`."""
    monitor = StrictMonitor(is_preview=preview)
    mocks.MockMonitor.__init__(monitor, _Mocks())
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    mocks.set_mocks(_Mocks(), project=PROJECT, stack=STACK, preview=preview, monitor=monitor)
    settings.ROOT.set(None)  # the mocks' own; the program runs in a stack as the engine runs it
    secret = [key for key in config or {} if key.endswith(":passwords")]
    pulumi.runtime.set_all_config(dict(config or {}), secret)
    try:
        loop.run_until_complete(stack.run_in_stack(program))
    finally:
        loop.close()
        asyncio.set_event_loop(None)
        settings.reset_options()
    return monitor
