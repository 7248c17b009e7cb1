"""What a suite hands back: one table with its notes, and the same for programs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field


class BenchError(RuntimeError):
    """A measurement could not be made."""


@dataclass(frozen=True, slots=True)
class Section:
    """One table. `data` holds every measured value, for `--json`."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    notes: tuple[str, ...] = ()
    data: dict[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Options:
    """How thoroughly to measure, and whom to tell how far it is."""

    runs: int
    quick: bool
    say: Callable[[str], None]
