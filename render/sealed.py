"""What can only be made with passwords, which are made with the stack and not with the plan."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Generic, TypeVar

Content = TypeVar("Content")


@dataclass(frozen=True, slots=True)
class Sealed(Generic[Content]):
    """A secret artifact: the names of the passwords that it takes, and what they make of it."""

    passwords: tuple[str, ...]
    make: Callable[[Mapping[str, str]], Content]
