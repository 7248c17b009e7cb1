"""How long BIRD's sessions have been what they are."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from pathlib import Path

from twin import birdc

#: BIRD works out when something began anew at each question, and is a millisecond off at times.
_TOLERANCE_SECONDS = 0.2

#: State and beginning, in seconds, of each of BIRD's protocols by its name.
Ages = Mapping[str, tuple[str, float]]


def ages(control_socket: Path) -> Ages:
    """What `show protocols` says, where BIRD has been told `timeformat protocol iso long ms`."""
    return of_lines(birdc.ask(control_socket, "show protocols")[1:])


def of_lines(lines: Iterable[str]) -> Ages:
    """The same from the lines below the columns' names: name, protocol, table, state, since."""
    found: dict[str, tuple[str, float]] = {}
    for line in lines:
        name, _, _, state, day, time, *_ = line.split()
        found[name] = (state, datetime.fromisoformat(f"{day} {time}").timestamp())
    return found


def went_on(before: Ages, after: Ages) -> bool:
    """Whether everything there was is in the same state since the same moment."""
    return before.keys() <= after.keys() and all(
        after[name][0] == state and abs(after[name][1] - since) < _TOLERANCE_SECONDS
        for name, (state, since) in before.items()
    )
