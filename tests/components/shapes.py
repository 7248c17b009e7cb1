"""What inputs may look like, as the providers' own SDKs declare it.

Pulumi passes dictionaries on as they are: a misspelt or snake_case key inside one is found by the
live provider at the earliest. Here every key is looked for in the SDK's argument classes.
"""

from __future__ import annotations

import typing
from collections.abc import Iterator, Mapping
from functools import cache

import pulumi_kubernetes as kubernetes
import pulumi_libvirt as libvirt
import pulumiverse_talos as talos
from pulumi import _types
from pulumi_kubernetes.apps.v1.Deployment import DeploymentInitArgs
from pulumi_kubernetes.core.v1.ConfigMap import ConfigMapInitArgs
from pulumi_kubernetes.core.v1.NodePatch import NodePatchArgs
from pulumi_kubernetes.core.v1.Secret import SecretInitArgs
from pulumi_kubernetes.core.v1.Service import ServiceInitArgs
from pulumi_kubernetes.helm.v3 import ReleaseArgs

#: The arguments of each resource type.
RESOURCES: Mapping[str, type] = {
    "libvirt:index/domain:Domain": libvirt.DomainArgs,
    "libvirt:index/network:Network": libvirt.NetworkArgs,
    "libvirt:index/pool:Pool": libvirt.PoolArgs,
    "libvirt:index/volume:Volume": libvirt.VolumeArgs,
    "pulumi:providers:libvirt": libvirt.ProviderArgs,
    "talos:machine/secrets:Secrets": talos.machine.SecretsArgs,
    "talos:machine/configurationApply:ConfigurationApply": talos.machine.ConfigurationApplyArgs,
    "talos:machine/bootstrap:Bootstrap": talos.machine.BootstrapArgs,
    "talos:cluster/kubeconfig:Kubeconfig": talos.cluster.KubeconfigArgs,
    "pulumi:providers:talos": talos.ProviderArgs,
    "kubernetes:core/v1:NodePatch": NodePatchArgs,
    "kubernetes:core/v1:Secret": SecretInitArgs,
    "kubernetes:core/v1:ConfigMap": ConfigMapInitArgs,
    "kubernetes:core/v1:Service": ServiceInitArgs,
    "kubernetes:apps/v1:Deployment": DeploymentInitArgs,
    "kubernetes:helm.sh/v3:Release": ReleaseArgs,
    "pulumi:providers:kubernetes": kubernetes.ProviderArgs,
}

#: The arguments of functions, which have no class of their own: types of those that are nested.
FUNCTIONS: Mapping[str, Mapping[str, type | None]] = {
    "talos:machine/getConfiguration:getConfiguration": {
        **dict.fromkeys(
            ("clusterName", "clusterEndpoint", "machineType", "talosVersion", "configPatches",
             "kubernetesVersion", "docs", "examples")
        ),
        "machineSecrets": talos.machine.MachineSecretsArgs,
    },
    "talos:client/getConfiguration:getConfiguration": {
        **dict.fromkeys(("clusterName", "endpoints", "nodes")),
        "clientConfiguration": talos.client.GetConfigurationClientConfigurationArgs,
    },
}  # fmt: skip

_CUSTOM_KEYS = frozenset({"apiVersion", "kind", "metadata", "spec"})
#: What the engine itself adds to a provider's inputs.
_ENGINES_OWN = frozenset({"version", "pluginDownloadURL"})
_CUSTOM = ("kubernetes:cilium.io/", "kubernetes:monitoring.coreos.com/")


def problems(token: str, inputs: Mapping[str, object]) -> list[str]:
    """What is wrong with a resource's inputs, or a function's arguments; nothing if unknown."""
    if token in FUNCTIONS:
        return list(_of_function(token, inputs))
    if token.startswith(_CUSTOM):
        return [f"{token}: {key} is no field" for key in inputs if key not in _CUSTOM_KEYS]
    if token.startswith("pulumi:providers:"):
        inputs = {key: item for key, item in inputs.items() if key not in _ENGINES_OWN}
    if token in RESOURCES:
        return list(_of_class(RESOURCES[token], inputs, token))
    return []


def is_known(token: str) -> bool:
    """Whether anything is known of this type."""
    return token in RESOURCES or token in FUNCTIONS or token.startswith(_CUSTOM)


def _of_function(token: str, arguments: Mapping[str, object]) -> Iterator[str]:
    fields = FUNCTIONS[token]
    for key, value in arguments.items():
        if key not in fields:
            yield f"{token}: {key} is no argument"
        elif (nested := fields[key]) is not None and isinstance(value, Mapping):
            yield from _of_class(nested, value, f"{token}.{key}")


def _of_class(cls: type, value: Mapping[str, object], where: str) -> Iterator[str]:
    fields = _fields(cls)
    for key, item in value.items():
        if key.startswith("__"):
            continue
        if key not in fields:
            yield f"{where}: {key} is no field of {cls.__name__}"
        else:
            yield from _of_type(fields[key], item, f"{where}.{key}")
    for key in _required(cls):
        if value.get(key) is None:
            yield f"{where}: {key} is missing"


@cache
def _fields(cls: type) -> Mapping[str, object]:
    return _types.input_type_types(_as_input(cls))


def _as_input(cls: type) -> type:
    if not _types.is_input_type(cls):
        _types.input_type(cls)
    return cls


@cache
def _required(cls: type) -> tuple[str, ...]:
    """The parameters of the constructor that have no default, by the names that go out."""
    code = vars(cls)["__init__"]
    names = _types.input_type_py_to_pulumi_names(_as_input(cls))
    optional = code.__kwdefaults__ or {}
    count = code.__code__.co_argcount
    keywords = code.__code__.co_varnames[count : count + code.__code__.co_kwonlyargcount]
    return tuple(names[each] for each in keywords if each in names and each not in optional)


def _of_type(declared: object, value: object, where: str) -> Iterator[str]:
    inner = _types.unwrap_type(declared)  # type: ignore[arg-type]
    for candidate in (inner, *typing.get_args(inner)):
        if isinstance(candidate, type) and _types.is_input_type(candidate):
            if isinstance(value, Mapping):
                yield from _of_class(candidate, value, where)
            return
    arguments = typing.get_args(inner)
    if isinstance(value, list) and arguments:
        for number, item in enumerate(value):
            yield from _of_type(arguments[0], item, f"{where}[{number}]")
