"""Made-up sights of a machine, in the place of `verify.probes.look`."""

from collections.abc import Callable

from twin.birdc import BfdSession
from verify.model import Expected, Observed

Look = Callable[[str, Expected], Observed]


def as_planned(_stack: str, expected: Expected) -> Observed:
    established = dict.fromkeys(expected.sessions, "Established")
    up = BfdSession("Up", expected.bfd_interval_ms, expected.bfd_timeout_ms)
    return Observed(expected.routes, established, dict.fromkeys(expected.bfd, up))


def nothing(_stack: str, _expected: Expected) -> Observed:
    return Observed(routes={})
