"""What two items of a list have alike that each must have of its own: its name, its index."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from config.errors import Problem


def duplicates(items: Sequence[tuple[str, object]], kind: str) -> Iterator[Problem]:
    """A problem for each such item. `items` are given with their paths, `kind` is their word."""
    for attribute in ("name", "index"):
        seen: dict[object, str] = {}
        for field, item in items:
            value = getattr(item, attribute)
            if value in seen:
                yield Problem(
                    f"{field}.{attribute}",
                    value,
                    f"is already that of {seen[value]}",
                    f"give each {kind} its own {attribute}",
                )
            seen.setdefault(value, field)
