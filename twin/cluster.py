"""What the nodes of a datacentre learn from the API server, which the twin has not.

One resource holds it for all nodes, as the API server does: Cilium's values and resources, and
the Node objects. So a change of them is shown once, and each node is told only that there is one.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass

from twin.machine import write_file
from twin.place import Place, claim_stack


@dataclass(frozen=True, slots=True)
class Documents:
    """What concerns one datacentre: Cilium's values, its BGP resources, Node objects by name.

    All of them are YAML.
    """

    helm_values: str
    manifests: list[str]
    nodes: dict[str, str]

    def digest(self) -> str:
        """A short name for these documents."""
        return hashlib.sha256(_text(self).encode()).hexdigest()[:16]


def store(stack: str, owner: str, documents: Mapping[str, Documents]) -> None:
    """Keep the documents of each datacentre where its nodes find them, and no others."""
    claim_stack(stack, owner)
    folder = _place(stack).folder
    folder.mkdir(exist_ok=True)
    for stale in {file.name for file in folder.iterdir()} - {_file(name) for name in documents}:
        (folder / stale).unlink()
    for datacentre, found in documents.items():
        write_file(folder, _file(datacentre), _text(found))


def read(stack: str, datacentre: str) -> Documents | None:
    """The documents of a datacentre, or None where there are none."""
    try:
        text = (_place(stack).folder / _file(datacentre)).read_text()
    except FileNotFoundError:
        return None
    return Documents(**json.loads(text))


def remove(stack: str) -> None:
    """Forget the documents."""
    _place(stack).release()


def _place(stack: str) -> Place:
    return Place(stack, "cluster")


def _file(datacentre: str) -> str:
    return f"{datacentre}.json"


def _text(documents: Documents) -> str:
    return json.dumps(asdict(documents), sort_keys=True)
