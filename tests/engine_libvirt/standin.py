"""Stand-ins for provider plugins: `python -m tests.engine_libvirt.standin kubernetes`.

They make nothing. They refuse inputs that the provider's own SDK does not declare, answer with
outputs of the right shape, and say of a change what the live provider says: update or replace.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping
from concurrent import futures
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeAlias

import grpc
from google.protobuf import empty_pb2, struct_pb2
from google.protobuf.json_format import MessageToDict
from pulumi.runtime.proto import plugin_pb2, provider_pb2, provider_pb2_grpc

from tests.components import shapes

# What goes over the wire is untyped by nature.
Props = dict[str, Any]
Message: TypeAlias = Any

#: A file with the kubeconfig that the cluster is to have.
KUBECONFIG = "UNDERLAY_STANDIN_KUBECONFIG"

#: What every key and token of a stand-in contains, so that it can be looked for in state and logs.
MARK = "standin-secret"

VERSIONS = {"libvirt": "0.5.4", "kubernetes": "4.34.2", "talos": "0.8.1"}

_SECRET_SIGNATURE = "1b47061264138c4ac30d75fd1eb44270"
_SIGNATURE_KEY = "4dabf18193072939515e22adb298388d"
UNKNOWN = "04da6b54-80e4-46f7-96ec-b56ff0331ba9"


def _certificate(name: str) -> Props:
    return {"cert": f"certificate of {name}", "key": f"{MARK} {name}"}


CLIENT = {
    "caCertificate": "certificate of the authority",
    "clientCertificate": "certificate of the client",
    "clientKey": f"{MARK} client",
}


def _volume(inputs: Props) -> Props:
    return {"id": f"/{inputs.get('pool')}/{inputs.get('name')}"}


def _secrets(_inputs: Props) -> Props:
    return {
        "machineSecrets": {
            "certs": {
                **{name: _certificate(name) for name in ("etcd", "k8s", "k8sAggregator", "os")},
                "k8sServiceaccount": {"key": f"{MARK} service account"},
            },
            "cluster": {"id": "cluster", "secret": f"{MARK} cluster"},
            "secrets": {
                "bootstrapToken": f"{MARK} token",
                "secretboxEncryptionSecret": f"{MARK} secretbox",
            },
            "trustdinfo": {"token": f"{MARK} trustd"},
        },
        "clientConfiguration": CLIENT,
    }


def _kubeconfig(_inputs: Props) -> Props:
    path = os.environ.get(KUBECONFIG)
    return {
        "kubeconfigRaw": Path(path).read_text() if path else f"# {MARK}",
        "kubernetesClientConfiguration": {**CLIENT, "host": "https://standin"},
    }


@dataclass(frozen=True, slots=True)
class Kind:
    """A resource type: what its inputs decide, and whose change takes a replacement.

    `always`: every change does. `outputs` may name the `id`.
    """

    replaces: frozenset[str] = frozenset()
    always: bool = False
    outputs: Callable[[Props], Props] = field(default=lambda _inputs: {})


#: Of libvirt: `ForceNew` in the schemas of terraform-provider-libvirt 0.8.
KINDS: Mapping[str, Kind] = {
    "libvirt:index/domain:Domain": Kind(
        frozenset({"name", "type", "memory", "vcpu", "cpu", "cmdlines", "graphics"})
    ),
    "libvirt:index/network:Network": Kind(
        frozenset({"name", "mode", "bridge", "addresses", "routes", "domain"})
    ),
    "libvirt:index/pool:Pool": Kind(frozenset({"name", "type"})),
    "libvirt:index/volume:Volume": Kind(always=True, outputs=_volume),
    "talos:machine/secrets:Secrets": Kind(outputs=_secrets),
    "talos:machine/configurationApply:ConfigurationApply": Kind(frozenset({"node"})),
    "talos:machine/bootstrap:Bootstrap": Kind(frozenset({"node"})),
    "talos:cluster/kubeconfig:Kubeconfig": Kind(outputs=_kubeconfig),
    "kubernetes:helm.sh/v3:Release": Kind(frozenset({"name", "namespace"})),
}

#: Functions by their results.
FUNCTIONS: Mapping[str, Props] = {
    "talos:machine/getConfiguration:getConfiguration": {
        "machineConfiguration": f"# {MARK} machine configuration",
    },
    "talos:client/getConfiguration:getConfiguration": {"talosConfig": f"# {MARK} talosconfig"},
}


def plain(value: Message) -> Message:
    """The value without the marks of secrets."""
    if isinstance(value, dict):
        if value.get(_SIGNATURE_KEY) == _SECRET_SIGNATURE:
            return plain(value["value"])
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, list):
        return [plain(item) for item in value]
    return value


def struct(values: Mapping[str, Any]) -> struct_pb2.Struct:
    """As it goes over the wire."""
    found = struct_pb2.Struct()
    found.update(values)
    return found


def _dict(struct: struct_pb2.Struct) -> Props:
    found: Props = plain(MessageToDict(struct))
    return {key: item for key, item in found.items() if not key.startswith("__")}


class StandIn(provider_pb2_grpc.ResourceProviderServicer):
    """The plugin."""

    def __init__(self, package: str) -> None:
        self._package = package

    def GetPluginInfo(self, request: Message, context: Message) -> Message:  # noqa: N802
        return plugin_pb2.PluginInfo(version=VERSIONS[self._package])

    def Handshake(self, request: Message, context: Message) -> Message:  # noqa: N802
        return provider_pb2.ProviderHandshakeResponse(
            accept_secrets=True, accept_resources=True, accept_outputs=True
        )

    def CheckConfig(self, request: Message, context: Message) -> Message:  # noqa: N802
        return self._checked(f"pulumi:providers:{self._package}", request.news)

    def DiffConfig(self, request: Message, context: Message) -> Message:  # noqa: N802
        return provider_pb2.DiffResponse(changes=provider_pb2.DiffResponse.DIFF_NONE)

    def Configure(self, request: Message, context: Message) -> Message:  # noqa: N802
        return provider_pb2.ConfigureResponse(
            acceptSecrets=True, supportsPreview=True, acceptResources=True, acceptOutputs=True
        )

    def Check(self, request: Message, context: Message) -> Message:  # noqa: N802
        return self._checked(request.type, request.news)

    def _checked(self, token: str, news: struct_pb2.Struct) -> Message:
        found = shapes.problems(token, _dict(news))
        if not shapes.is_known(token):
            found = [f"{token}: the stand-in does not know it"]
        return provider_pb2.CheckResponse(
            inputs=news,
            failures=[provider_pb2.CheckFailure(property="", reason=reason) for reason in found],
        )

    def Diff(self, request: Message, context: Message) -> Message:  # noqa: N802
        olds, news = _dict(request.old_inputs), _dict(request.news)
        ignored = set(request.ignoreChanges)
        changed = [
            key
            for key in sorted({*olds, *news})
            if key not in ignored and olds.get(key) != news.get(key)
        ]
        kind = KINDS.get(request.type, Kind())
        replaces = [key for key in changed if kind.always or key in kind.replaces]
        detail = provider_pb2.PropertyDiff
        return provider_pb2.DiffResponse(
            changes=provider_pb2.DiffResponse.DIFF_SOME
            if changed
            else provider_pb2.DiffResponse.DIFF_NONE,
            diffs=changed,
            replaces=replaces,
            detailedDiff={
                key: detail(kind=detail.UPDATE_REPLACE if key in replaces else detail.UPDATE)
                for key in changed
            },
            hasDetailedDiff=True,
        )

    def Create(self, request: Message, context: Message) -> Message:  # noqa: N802
        inputs = _dict(request.properties)
        outputs = inputs if request.preview else self._outputs(request.type, inputs)
        name = request.urn.rpartition("::")[2]
        id_ = "" if request.preview else outputs.pop("id", f"id-{name}-{os.urandom(3).hex()}")
        return provider_pb2.CreateResponse(id=id_, properties=struct(outputs))

    def Update(self, request: Message, context: Message) -> Message:  # noqa: N802
        outputs = self._outputs(request.type, _dict(request.news))
        outputs.pop("id", None)
        return provider_pb2.UpdateResponse(properties=struct(outputs))

    def _outputs(self, token: str, inputs: Props) -> Props:
        return {**inputs, **KINDS.get(token, Kind()).outputs(inputs)}

    def Read(self, request: Message, context: Message) -> Message:  # noqa: N802
        return provider_pb2.ReadResponse(
            id=request.id, properties=request.properties, inputs=request.inputs
        )

    def Delete(self, request: Message, context: Message) -> Message:  # noqa: N802
        return empty_pb2.Empty()

    def Invoke(self, request: Message, context: Message) -> Message:  # noqa: N802
        found = shapes.problems(request.tok, _dict(request.args))
        if request.tok not in FUNCTIONS:
            found = [f"{request.tok}: the stand-in does not know it"]
        return provider_pb2.InvokeResponse(
            **{"return": struct({} if found else FUNCTIONS[request.tok])},
            failures=[provider_pb2.CheckFailure(property="", reason=reason) for reason in found],
        )

    def Cancel(self, request: Message, context: Message) -> Message:  # noqa: N802
        return empty_pb2.Empty()


def main() -> None:
    """Serve until the engine ends the process; the port goes to standard output, as plugins do."""
    server = grpc.server(futures.ThreadPoolExecutor(max_workers=8))
    provider_pb2_grpc.add_ResourceProviderServicer_to_server(StandIn(sys.argv[1]), server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    print(port, flush=True)
    server.wait_for_termination()


if __name__ == "__main__":
    main()
