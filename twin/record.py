"""What was applied to a machine, kept beside it: so that `read` knows what to compare with.

The record is written last. A machine without one was never finished.
"""

from __future__ import annotations

import hashlib
import json
from typing import cast

from twin.machine import write_file
from twin.place import Place

_FILE = "applied.json"

#: Keys of the engine's own, which it adds to the inputs.
_FOREIGN = ("__provider",)


def digest(inputs: dict[str, object]) -> str:
    """A short name for these inputs."""
    return hashlib.sha256(_text(inputs).encode()).hexdigest()[:16]


def write(place: Place, inputs: dict[str, object]) -> None:
    """Remember that these inputs have been applied. They may hold passwords."""
    write_file(place.folder, _FILE, _text(inputs), mode=0o600)


def read(place: Place) -> dict[str, object] | None:
    """The inputs that were applied last, or None if the machine was never finished."""
    try:
        text = (place.folder / _FILE).read_text()
    except FileNotFoundError:
        return None
    return cast("dict[str, object]", json.loads(text))


def _text(inputs: dict[str, object]) -> str:
    own = {key: value for key, value in inputs.items() if key not in _FOREIGN}
    # In a preview, what is not known yet is an object. It differs from all that was applied.
    return json.dumps(own, sort_keys=True, default=repr)
