"""The one way in which a bad configuration is reported: all its problems together."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing wrong with the configuration.

    `field` is its path as the user writes it (`fabric.datacentres[1].lan`), `value` what stands
    there, `reason` why it will not do, `remedy` what would.
    """

    field: str
    value: object
    reason: str
    remedy: str

    def __str__(self) -> str:
        shown = "" if self.value is None else f" {self.value}"
        return f"{self.field}{shown} {self.reason}: {self.remedy}"


class ConfigurationError(ValueError):
    """The configuration cannot be planned. Carries every problem found, not only the first."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(problems)
        count = len(self.problems)
        title = "the configuration has a problem" if count == 1 else f"{count} problems"
        if count > 1:
            title = f"the configuration has {title}"
        super().__init__("\n".join([title, *(f"  - {problem}" for problem in self.problems)]))


def refused(field: str, value: object, reason: str, remedy: str) -> ConfigurationError:
    """What is raised for a single problem."""
    return ConfigurationError([Problem(field, value, reason, remedy)])


def raised(asks: Iterable[Callable[[], object]]) -> Iterator[Problem]:
    """The problems that keep these from being answered, one for each field."""
    found: dict[str, Problem] = {}
    for ask in asks:
        try:
            ask()
        except ConfigurationError as error:
            for problem in error.problems:
                found.setdefault(problem.field, problem)
    yield from found.values()
