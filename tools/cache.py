"""Where things shared by all checkouts live: the user's cache folder (XDG base directories)."""

from collections.abc import Mapping
from pathlib import Path


def cache(env: Mapping[str, str]) -> Path:
    """`$XDG_CACHE_HOME/underlay`; the specification says to ignore a relative value."""
    given = env.get("XDG_CACHE_HOME", "")
    base = Path(given) if given.startswith("/") else Path.home() / ".cache"
    return base / "underlay"


def log(env: Mapping[str, str], name: str) -> Path:
    """The log file of one kind of step."""
    return cache(env) / "log" / f"{name}.log"
