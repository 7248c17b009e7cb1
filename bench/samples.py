"""Measuring things side by side: A B A B, so that what else the machine does falls on both."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TypeVar


@dataclass(frozen=True, slots=True)
class Spread:
    """Measured values of one thing."""

    values: tuple[float, ...]

    def __post_init__(self) -> None:
        if not self.values:
            raise ValueError("a spread needs at least one value")

    @property
    def median(self) -> float:
        """The middle one: a run that was disturbed does not move it."""
        return statistics.median(self.values)

    def text(self, unit: str = "", digits: int = 2) -> str:
        """The median, and from where to where the values go if there are several."""
        middle = f"{self.median:.{digits}f}{unit}"
        if len(self.values) == 1:
            return middle
        return f"{middle} ({min(self.values):.{digits}f}–{max(self.values):.{digits}f})"


_Key = TypeVar("_Key")
_Value = TypeVar("_Value")


def alternate(
    runs: int,
    subjects: Iterable[_Key],
    measure: Callable[[_Key], _Value],
    on_done: Callable[[int, _Key, _Value], None],
) -> dict[_Key, list[_Value]]:
    """Measure each in turn, as often as `runs` says, and report every one that is done."""
    found: dict[_Key, list[_Value]] = {subject: [] for subject in subjects}
    for run in range(1, runs + 1):
        for subject, values in found.items():
            values.append(measure(subject))
            on_done(run, subject, values[-1])
    return found


def spread(values: Sequence[_Value], part: Callable[[_Value], float]) -> Spread:
    """The spread of one part of each value."""
    return Spread(tuple(part(value) for value in values))


def ratios(of: Spread, to: Spread) -> Spread:
    """How many times the other each is, pair by pair as they were measured."""
    return Spread(tuple(a / b for a, b in zip(of.values, to.values, strict=True)))


def differences(of: Spread, to: Spread) -> Spread:
    """How much more each is than the other, pair by pair as they were measured."""
    return Spread(tuple(a - b for a, b in zip(of.values, to.values, strict=True)))
