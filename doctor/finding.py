"""What was found, and what was looked at to find it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Finding:
    """One line that names what, why and the remedy. `stops`: `up` would certainly fail of it."""

    text: str
    stops: bool = True


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that was looked at: `name` says which, `seen` what was to be seen there."""

    name: str
    seen: str
    findings: tuple[Finding, ...] = ()

    @classmethod
    def of(cls, name: str, seen: str, findings: Iterable[Finding]) -> Check:
        """With the findings gathered."""
        return cls(name, seen, tuple(findings))
