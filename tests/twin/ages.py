"""How long BIRD's sessions have been what they are."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from pathlib import Path

from twin import birdc

_TOLERANCE_SECONDS = 0.2


class Moment(float):
    """When something began, in seconds.

    BIRD works that out anew at each question, and is a millisecond off at times. That makes no
    other moment.
    """

    def __eq__(self, other: object) -> bool:
        return isinstance(other, float) and abs(self - other) < _TOLERANCE_SECONDS

    def __ne__(self, other: object) -> bool:
        return not self == other

    __hash__ = None  # type: ignore[assignment]  # what is equal would have to hash alike


#: State and beginning of each of BIRD's protocols by its name.
Ages = Mapping[str, tuple[str, Moment]]


def ages(control_socket: Path) -> Ages:
    """What `show protocols` says, where BIRD has been told `timeformat protocol iso long ms`."""
    return of_lines(birdc.ask(control_socket, "show protocols")[1:])


def of_lines(lines: Iterable[str]) -> Ages:
    """The same from the lines below the columns' names: name, protocol, table, state, since."""
    found: dict[str, tuple[str, Moment]] = {}
    for line in lines:
        name, _, _, state, day, time, *_ = line.split()
        found[name] = (state, Moment(datetime.fromisoformat(f"{day} {time}").timestamp()))
    return found


def went_on(before: Ages, after: Ages) -> bool:
    """Whether everything there was is in the same state since the same moment."""
    return all(after.get(name) == age for name, age in before.items())
