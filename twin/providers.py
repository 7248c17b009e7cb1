"""The twin's resources as Pulumi's engine drives them: create, read, diff, update, delete.

The outputs in the state are small: a digest of the inputs that were applied, and what `read`
found changed since. The inputs themselves are the artifacts, which is what `preview --diff` shows.

The program loads this module as well as the plugin, and a preview makes no machine: so what makes
them is imported where they are made.
"""

from __future__ import annotations

from dataclasses import asdict
from datetime import UTC, datetime
from ipaddress import ip_address, ip_interface, ip_network
from typing import TYPE_CHECKING, Any, Protocol, Self

from pulumi.dynamic import (
    ConfigureRequest,
    CreateResult,
    DiffResult,
    ReadResult,
    ResourceProvider,
    UpdateResult,
)

from twin import cluster, ground, record
from twin.machine import Nic
from twin.place import Place, owner_of
from twin.segment import Segment
from twin.watchdog import watch_engine

if TYPE_CHECKING:
    from twin.host import Host
    from twin.node import Node
    from twin.router import Router

# The engine's property maps are untyped by nature; this module is where they get types.
Props = dict[str, Any]


class Thing(Protocol):
    """A segment or a machine."""

    @property
    def place(self) -> Place: ...

    def build(self, owner: str, previous: Self | None = None) -> None: ...

    def drift(self) -> list[str]: ...


class TwinProvider(ResourceProvider):
    """What all of them have in common.

    A provider is stored with each resource as the name of its class, which is no secret.
    """

    serialize_as_secret_always = False

    def configure(self, req: ConfigureRequest) -> None:
        watch_engine()


class GroundProvider(TwinProvider):
    """Drives the ground that a stack's twin stands on."""

    def create(self, props: Props) -> CreateResult:
        owner = ground.take(props["stack"])
        return CreateResult(owner, {"stack": props["stack"], "owner": owner})

    def diff(self, _id: str, _olds: Props, _news: Props) -> DiffResult:
        replaces = ["stack"] if _olds["stack"] != _news["stack"] else []
        return DiffResult(changes=bool(replaces), replaces=replaces)

    def delete(self, _id: str, _props: Props) -> None:
        ground.leave(_props["stack"], _props["owner"])


class ThingProvider(TwinProvider):
    """Drives one kind of thing that has a place.

    Every operation may be repeated: `create` finishes what a killed run began, `delete` removes
    what is left of it.
    """

    def thing(self, props: Props) -> Thing:
        """The thing that these inputs describe."""
        raise NotImplementedError

    def complete(self, props: Props) -> Props:
        """The inputs, with what they refer to."""
        return props

    def create(self, props: Props) -> CreateResult:
        complete = self.complete(props)
        thing = self.thing(complete)
        thing.build(props["owner"])
        record.write(thing.place, complete)
        return CreateResult(thing.place.namespace, _applied(thing.place, props))

    def diff(self, _id: str, _olds: Props, _news: Props) -> DiffResult:
        replaces = [key for key in ("stack", "machine") if _olds[key] != _news[key]]
        is_changed = _olds["applied"] != record.digest(_news) or bool(_olds["drift"])
        return DiffResult(
            changes=is_changed or bool(replaces), replaces=replaces, delete_before_replace=True
        )

    def update(self, _id: str, _olds: Props, _news: Props) -> UpdateResult:
        complete = self.complete(_news)
        thing = self.thing(complete)
        before = record.read(thing.place)
        thing.build(_news["owner"], self.thing(before) if before else None)
        record.write(thing.place, complete)
        return UpdateResult(_applied(thing.place, _news))

    def read(self, id_: str, props: Props) -> ReadResult:
        place = Place(props["stack"], props["machine"])
        inputs = record.read(place)
        if inputs is None or not place.stands:
            return ReadResult("", {})
        return ReadResult(id_, {**props, "drift": "; ".join(self.thing(inputs).drift())})

    def delete(self, _id: str, _props: Props) -> None:
        if owner_of(_props["stack"]) == _props["owner"]:
            Place(_props["stack"], _props["machine"]).release()


class SegmentProvider(ThingProvider):
    """Drives a switch."""

    def thing(self, props: Props) -> Segment:
        return Segment(_place(props))


class RouterProvider(ThingProvider):
    """Drives a router."""

    def thing(self, props: Props) -> Router:
        from twin.router import Router

        return Router(
            place=_place(props),
            nics=_nics(props),
            files=props["files"],
            secret_files=props["secret_files"],
        )


class ClusterProvider(TwinProvider):
    """Drives what nodes learn from the API server. Its outputs say which documents are which."""

    def create(self, props: Props) -> CreateResult:
        return CreateResult(f"{props['stack']}-cluster", _stored(props))

    def diff(self, _id: str, _olds: Props, _news: Props) -> DiffResult:
        replaces = ["stack"] if _olds["stack"] != _news["stack"] else []
        is_changed = _olds["digests"] != _digests(_news)
        return DiffResult(changes=is_changed or bool(replaces), replaces=replaces)

    def update(self, _id: str, _olds: Props, _news: Props) -> UpdateResult:
        return UpdateResult(_stored(_news))

    def read(self, id_: str, props: Props) -> ReadResult:
        stored = {name: cluster.read(props["stack"], name) for name in props["digests"]}
        if None in stored.values():
            return ReadResult("", {})
        found = {name: documents.digest() for name, documents in stored.items() if documents}
        return ReadResult(id_, {**props, "digests": found})

    def delete(self, _id: str, _props: Props) -> None:
        if owner_of(_props["stack"]) == _props["owner"]:
            cluster.remove(_props["stack"])


class NodeProvider(ThingProvider):
    """Drives a node with its pods."""

    def complete(self, props: Props) -> Props:
        documents = cluster.read(props["stack"], props["datacentre"])
        if documents is None:
            raise LookupError(f"the documents of {props['datacentre']} are gone: up --refresh")
        return {**props, "found_documents": asdict(documents)}

    def thing(self, props: Props) -> Node:
        from twin.node import Node

        documents = cluster.Documents(**props["found_documents"])
        return Node(
            place=_place(props),
            nics=_nics(props),
            machine_patch=props["machine_patch"],
            helm_values=documents.helm_values,
            node=documents.nodes[props["machine"]],
            others=tuple(o for name, o in documents.nodes.items() if name != props["machine"]),
            manifests=(*documents.manifests, *props["secret_manifests"]),
            pods_per_node=int(props["pods"]),
        )


class HostProvider(ThingProvider):
    """Drives the host on the WAN side."""

    def thing(self, props: Props) -> Host:
        from twin.host import Host

        return Host(
            place=_place(props),
            nics=_nics(props),
            addresses=tuple(map(ip_interface, props["addresses"])),
            routes={
                ip_network(prefix): ip_address(gateway)
                for prefix, gateway in props.get("routes", {}).items()
            },
        )


def _place(props: Props) -> Place:
    return Place(props["stack"], props["machine"])


def _nics(props: Props) -> tuple[Nic, ...]:
    return tuple(
        Nic(
            segment=nic["segment"],
            mac=nic["mac"],
            neighbors={ip_address(ip): mac for ip, mac in nic["neighbors"].items()},
        )
        for nic in props["nics"]
    )


def _documents(props: Props) -> dict[str, cluster.Documents]:
    return {name: cluster.Documents(**found) for name, found in props["datacentres"].items()}


def _digests(props: Props) -> dict[str, str]:
    return {name: documents.digest() for name, documents in _documents(props).items()}


def _stored(props: Props) -> Props:
    cluster.store(props["stack"], props["owner"], _documents(props))
    return {"stack": props["stack"], "owner": props["owner"], "digests": _digests(props)}


def _applied(place: Place, props: Props) -> Props:
    return {
        "stack": place.stack,
        "owner": props["owner"],
        "machine": place.machine,
        "applied": record.digest(props),
        "drift": "",
        "built_at": datetime.now(UTC).isoformat(),
    }
