"""Where images live: the user's cache folder (XDG base directories).

- `files/<sha256>-<name>`: what was downloaded or unpacked, shared by all stacks;
- `index/<key>.json`: which content a source turned out to have;
- `routers/<stack>/<resource>-<digest>.ext4`: what was built for one router;
- `locks/`, `partial/`: work in progress.
"""

from __future__ import annotations

import os
from pathlib import Path


def folder(*parts: str) -> Path:
    """A folder of the image cache, made if it is missing. It is nobody else's business."""
    path = root().joinpath(*parts)
    path.mkdir(parents=True, exist_ok=True, mode=0o700)
    return path


def root() -> Path:
    """`$XDG_CACHE_HOME/underlay/images`; the specification says to ignore a relative value."""
    given = os.environ.get("XDG_CACHE_HOME", "")
    base = Path(given) if given.startswith("/") else Path.home() / ".cache"
    return base / "underlay" / "images"
