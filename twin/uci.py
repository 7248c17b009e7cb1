"""Reads OpenWrt's configuration files (UCI; https://openwrt.org/docs/guide-user/base-system/uci)."""

from __future__ import annotations

import shlex
from dataclasses import dataclass, field


class UciError(ValueError):
    """A line is not UCI."""


@dataclass(frozen=True, slots=True)
class Section:
    """A `config` section: its type, its name if it has one, its options and lists."""

    type: str
    name: str | None
    options: dict[str, str] = field(default_factory=dict)
    lists: dict[str, list[str]] = field(default_factory=dict)

    def get(self, option: str, default: str = "") -> str:
        """An option's value."""
        return self.options.get(option, default)

    def is_on(self, option: str) -> bool:
        """Whether a boolean option is true, in any of UCI's spellings."""
        return self.get(option) in {"1", "on", "true", "yes", "enabled"}

    def values(self, option: str) -> list[str]:
        """A list's values; an option of that name counts as its words, as netifd takes it."""
        return [*self.lists.get(option, []), *self.get(option).split()]


def parse(text: str) -> list[Section]:
    """The sections of a file, in order. UCI's quoting is the shell's, so `shlex` reads it."""
    sections: list[Section] = []
    for number, line in enumerate(text.splitlines(), start=1):
        try:
            words = shlex.split(line, comments=True)
        except ValueError as error:
            raise UciError(f"line {number}: {error}: {line.strip()}") from None
        match words:
            case []:
                continue
            case ["config", kind]:
                sections.append(Section(kind, None))
            case ["config", kind, name]:
                sections.append(Section(kind, name))
            case ["option", name, value] if sections:
                sections[-1].options[name] = value
            case ["list", name, value] if sections:
                sections[-1].lists.setdefault(name, []).append(value)
            case _:
                raise UciError(f"line {number}: not config, option or list: {line.strip()}")
    return sections
