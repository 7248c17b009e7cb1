"""The twin's resources as the program declares them: their inputs, and nothing else."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass

import pulumi
from pulumi.dynamic import Resource

from config.families import Address, Interface, Network
from twin.cluster import Documents
from twin.providers import (
    ClusterProvider,
    GroundProvider,
    HostProvider,
    NodeProvider,
    RouterProvider,
    SegmentProvider,
)


@dataclass(frozen=True, slots=True)
class Seat:
    """Where a machine or segment belongs: the stack's name, and the ground it stands on."""

    stack: str
    owner: pulumi.Output[str]


@dataclass(frozen=True, slots=True)
class NicArgs:
    """A card: the segment it is plugged into, its MAC, and the MACs of the others there."""

    segment: pulumi.Output[str]
    mac: str
    neighbors: Mapping[Address, str]

    def inputs(self) -> dict[str, object]:
        """As the engine takes it."""
        return {
            "segment": self.segment,
            "mac": self.mac,
            "neighbors": {str(address): mac for address, mac in self.neighbors.items()},
        }


class Ground(Resource, module="twin", name="Ground"):
    """What a stack's twin stands on. Its deletion removes whatever is left."""

    owner: pulumi.Output[str]

    def __init__(self, name: str, *, stack: str, opts: pulumi.ResourceOptions) -> None:
        super().__init__(GroundProvider(), name, {"stack": stack, "owner": None}, opts)


class Segment(Resource, module="twin", name="Segment"):
    """A switch. Its id is what NICs are plugged into."""

    def __init__(
        self, name: str, *, seat: Seat, network: str, opts: pulumi.ResourceOptions
    ) -> None:
        super().__init__(SegmentProvider(), name, _inputs(seat, network), opts)


class Machine(Resource):
    """What all machines have in common. `built_at` is when the machine was last changed."""

    built_at: pulumi.Output[str]


class Router(Machine, module="twin", name="Router"):
    """A router, booted from the files of the OpenWrt router."""

    def __init__(
        self,
        name: str,
        *,
        seat: Seat,
        machine: str,
        nics: Sequence[NicArgs],
        files: Mapping[str, str],
        secret_files: Mapping[str, pulumi.Output[str]],
        opts: pulumi.ResourceOptions,
    ) -> None:
        inputs = _machine_inputs(seat, machine, nics)
        inputs |= {"files": dict(files), "secret_files": dict(secret_files)}
        super().__init__(RouterProvider(), name, inputs, opts)


class Cluster(Resource, module="twin", name="Cluster"):
    """What nodes learn from the API server."""

    def __init__(
        self,
        name: str,
        *,
        seat: Seat,
        datacentres: Mapping[str, Documents],
        opts: pulumi.ResourceOptions,
    ) -> None:
        inputs = {
            "stack": seat.stack,
            "owner": seat.owner,
            "datacentres": {name: asdict(documents) for name, documents in datacentres.items()},
        }
        super().__init__(ClusterProvider(), name, inputs, opts)


class Node(Machine, module="twin", name="Node"):
    """A node with its pods, booted from Talos' patch and what the cluster holds for it.

    `documents` names what it holds, so that a change of that is a change of the node.
    """

    def __init__(
        self,
        name: str,
        *,
        seat: Seat,
        machine: str,
        datacentre: str,
        nics: Sequence[NicArgs],
        machine_patch: str,
        documents: str,
        secret_manifests: Sequence[pulumi.Output[str]],
        pods: int,
        opts: pulumi.ResourceOptions,
    ) -> None:
        inputs = _machine_inputs(seat, machine, nics)
        inputs |= {
            "datacentre": datacentre,
            "machine_patch": machine_patch,
            "documents": documents,
            "secret_manifests": list(secret_manifests),
            "pods": pods,
        }
        super().__init__(NodeProvider(), name, inputs, opts)


class Host(Machine, module="twin", name="Host"):
    """The host on the WAN side."""

    def __init__(
        self,
        name: str,
        *,
        seat: Seat,
        machine: str,
        nics: Sequence[NicArgs],
        addresses: Sequence[Interface],
        routes: Mapping[Network, Address],
        opts: pulumi.ResourceOptions,
    ) -> None:
        inputs = _machine_inputs(seat, machine, nics)
        inputs |= {
            "addresses": [str(address) for address in addresses],
            "routes": {str(prefix): str(gateway) for prefix, gateway in routes.items()},
        }
        super().__init__(HostProvider(), name, inputs, opts)


def _inputs(seat: Seat, machine: str) -> dict[str, object]:
    return {"stack": seat.stack, "owner": seat.owner, "machine": machine}


def _machine_inputs(seat: Seat, machine: str, nics: Sequence[NicArgs]) -> dict[str, object]:
    outputs = {"built_at": None}
    return _inputs(seat, machine) | outputs | {"nics": [nic.inputs() for nic in nics]}
