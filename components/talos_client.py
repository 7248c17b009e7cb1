"""A typed way to the Talos plugin, past what its Python SDK gets wrong.

Its functions take nested arguments as their Python names where they are outputs of another
resource: `bootstrap_token` then goes out instead of `bootstrapToken`, and only the live plugin
says so (pulumi-talos #93, #103). Everything nested is therefore spelt out here, once.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pulumi
import pulumiverse_talos as talos

from config.images import TalosImage


def contract(image: TalosImage) -> str:
    """What configurations are generated for: the image's minor version. The plugin knows 1.13."""
    return image.version.rpartition(".")[0]


def machine_secrets(
    secrets: talos.machine.Secrets,
) -> pulumi.Output[talos.machine.MachineSecretsArgs]:
    """The cluster's secrets as the functions want them."""
    return pulumi.Output.secret(secrets.machine_secrets.apply(_machine_secrets))


def _machine_secrets(
    found: talos.machine.outputs.MachineSecretsResult,
) -> talos.machine.MachineSecretsArgs:
    certificates, tokens = found.certs, found.secrets
    return talos.machine.MachineSecretsArgs(
        certs=talos.machine.CertificatesArgs(
            etcd=_certificate(certificates.etcd),
            k8s=_certificate(certificates.k8s),
            k8s_aggregator=_certificate(certificates.k8s_aggregator),
            k8s_serviceaccount=talos.machine.KeyArgs(key=certificates.k8s_serviceaccount.key),
            os=_certificate(certificates.os),
        ),
        cluster=talos.machine.ClusterArgs(id=found.cluster.id, secret=found.cluster.secret),
        secrets=talos.machine.KubernetesSecretsArgs(
            bootstrap_token=tokens.bootstrap_token,
            secretbox_encryption_secret=tokens.secretbox_encryption_secret,
            aescbc_encryption_secret=tokens.aescbc_encryption_secret,
        ),
        trustdinfo=talos.machine.TrustdInfoArgs(token=found.trustdinfo.token),
    )


def _certificate(found: talos.machine.outputs.CertificateResult) -> talos.machine.CertificateArgs:
    return talos.machine.CertificateArgs(cert=found.cert, key=found.key)


#: The three fields of a client's configuration, whichever class a resource wants them in.
_CLIENT_FIELDS = ("ca_certificate", "client_certificate", "client_key")


def client_fields(secrets: talos.machine.Secrets) -> Mapping[str, pulumi.Output[str]]:
    """What a client must show to the machines, as keyword arguments of a class of the SDK's."""
    client = secrets.client_configuration
    return {field: pulumi.Output.secret(client[field]) for field in _CLIENT_FIELDS}


def _client(
    secrets: talos.machine.Secrets,
) -> pulumi.Output[talos.client.GetConfigurationClientConfigurationArgs]:
    """The same for the function, whose class wants values and no outputs."""
    fields = pulumi.Output.all(**client_fields(secrets))
    return fields.apply(lambda known: talos.client.GetConfigurationClientConfigurationArgs(**known))


def configuration(
    *,
    parent: pulumi.Resource,
    cluster: str,
    endpoint: str,
    role: str,
    secrets: talos.machine.Secrets,
    image: TalosImage,
    kubernetes_version: str,
    patches: Sequence[str],
) -> pulumi.Output[str]:
    """A machine's whole configuration, as text. It holds the cluster's secrets."""
    found = talos.machine.get_configuration_output(
        cluster_name=cluster,
        cluster_endpoint=endpoint,
        machine_type=role,
        machine_secrets=machine_secrets(secrets),
        talos_version=contract(image),
        kubernetes_version=kubernetes_version,
        config_patches=list(patches),
        docs=False,
        examples=False,
        opts=pulumi.InvokeOptions(parent=parent),
    )
    return pulumi.Output.secret(found.machine_configuration)


def talosconfig(
    *,
    parent: pulumi.Resource,
    cluster: str,
    secrets: talos.machine.Secrets,
    endpoints: Sequence[str],
    nodes: Sequence[str],
) -> pulumi.Output[str]:
    """What `talosctl` needs to speak to the machines, as text."""
    found = talos.client.get_configuration_output(
        cluster_name=cluster,
        client_configuration=_client(secrets),
        endpoints=list(endpoints),
        nodes=list(nodes),
        opts=pulumi.InvokeOptions(parent=parent),
    )
    return pulumi.Output.secret(found.talos_config)
