"""The Talos cluster: who it is, before there are machines, and its beginning, once there are."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import pulumi
import pulumiverse_talos as talos

from components import talos_client
from components.talos_node import TalosNode
from config.families import Family
from config.libvirt import Libvirt
from config.machines import Node, Role
from config.plan import Plan

_API_PORT = 6443


@dataclass(frozen=True, slots=True, kw_only=True)
class ClusterIdentityArgs:
    """The plan whose nodes make the cluster."""

    plan: Plan
    settings: Libvirt


class ClusterIdentity(pulumi.ComponentResource):
    """The cluster's secrets: whoever has them is the cluster, so they are protected.

    `endpoint` is the first control plane's: a virtual address of Talos would have to stay within
    one LAN (Talos docs, "Virtual IP"). It is of IPv4, by which nodes are configured. Inside the
    cluster KubePrism finds the others as well.
    """

    secrets: talos.machine.Secrets
    talosconfig: pulumi.Output[str]
    endpoint: str

    def __init__(
        self, name: str, *, args: ClusterIdentityArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("underlay:index:ClusterIdentity", name, None, opts)
        self.secrets = talos.machine.Secrets(
            f"{name}-secrets",
            talos_version=talos_client.contract(args.settings.talos_image),
            opts=pulumi.ResourceOptions(
                parent=self,
                protect=args.settings.talos.protect,
                additional_secret_outputs=["machine_secrets", "client_configuration"],
            ),
        )
        controlplanes = _controlplanes(args.plan)
        self.endpoint = f"https://{controlplanes[0].lan.ip(Family.IPV4)}:{_API_PORT}"
        self.talosconfig = talos_client.talosconfig(
            parent=self,
            cluster=args.plan.cluster,
            secrets=self.secrets,
            endpoints=[str(node.lan.ip(Family.IPV4)) for node in controlplanes],
            nodes=[str(node.lan.ip(Family.IPV4)) for node in args.plan.nodes],
        )
        self.register_outputs({"endpoint": self.endpoint})


@dataclass(frozen=True, slots=True, kw_only=True)
class TalosClusterArgs:
    """The cluster that the machines, by their names, are to become."""

    plan: Plan
    identity: ClusterIdentity
    nodes: Mapping[str, TalosNode]


class TalosCluster(pulumi.ComponentResource):
    """One machine is told to begin; the others find it. Stands when there is an API to ask.

    Not when the cluster is healthy: without a CNI no node is ever ready, and Talos itself stays in
    its phase 18 of 19. That is waited for by `CiliumBgp`.
    """

    bootstrap: talos.machine.Bootstrap
    kubeconfig: pulumi.Output[str]

    def __init__(
        self, name: str, *, args: TalosClusterArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("underlay:index:TalosCluster", name, None, opts)
        first = _controlplanes(args.plan)[0]
        machine = args.nodes[first.name]
        address = str(first.lan.ip(Family.IPV4))
        client = talos_client.client_fields(args.identity.secrets)
        self.bootstrap = talos.machine.Bootstrap(
            f"{name}-bootstrap",
            node=address,
            endpoint=address,
            client_configuration=talos.machine.ClientConfigurationArgs(**client),
            opts=pulumi.ResourceOptions(
                parent=self,
                depends_on=[machine.applied],
                deleted_with=machine.domain,
                additional_secret_outputs=["client_configuration"],
            ),
        )
        kubeconfig = talos.cluster.Kubeconfig(
            f"{name}-kubeconfig",
            node=address,
            endpoint=address,
            client_configuration=talos.cluster.KubeconfigClientConfigurationArgs(**client),
            opts=pulumi.ResourceOptions(
                parent=self,
                depends_on=[self.bootstrap],
                deleted_with=machine.domain,
                additional_secret_outputs=[
                    "client_configuration",
                    "kubeconfig_raw",
                    "kubernetes_client_configuration",
                ],
            ),
        )
        self.kubeconfig = pulumi.Output.secret(kubeconfig.kubeconfig_raw)
        self.register_outputs({})


def _controlplanes(plan: Plan) -> list[Node]:
    return [node for node in plan.nodes if node.role is Role.CONTROLPLANE]
