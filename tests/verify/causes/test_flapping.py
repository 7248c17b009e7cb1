"""How often sessions were lost lately, by the log as BIRD 2.0.12 and OpenWrt's logd write it."""

from datetime import datetime, timedelta

from config.load import load
from config.plan import make_plan
from verify.causes.flapping import Flaps, cause, flaps, of

NAME = "router_dc2_router1"
NOW = datetime(2026, 11, 22, 13, 0)
(SESSION,) = (
    session
    for session in make_plan(load({"datacentres": 2})).sessions["dc1-router1"]
    if session.neighbor_name == "dc2-router1"
)


def log(losses: int, ago: timedelta, *, prefix: str = "") -> list[str]:
    """So many times up and down, and once more up."""
    began = NOW - ago
    lines = []
    for number in range(losses + 1):
        time = (began + timedelta(seconds=number)).isoformat(" ", "milliseconds")
        lines.append(f"{prefix}{time} <TRACE> {NAME}: State changed to up")
        if number < losses:
            lines += [
                f"{prefix}{time} <RMT> {NAME}: Error: Hold timer expired",
                f"{prefix}{time} <TRACE> {NAME}: State changed to stop",
                f"{prefix}{time} <TRACE> {NAME}: State changed to flush",
                f"{prefix}{time} <TRACE> {NAME}: State changed to down",
            ]
    return lines


def test_a_session_lost_again_and_again_flaps_for_the_reason_that_bird_gives() -> None:
    lost = of(SESSION, flaps(log(4, timedelta(minutes=2)), NOW))
    assert lost
    assert cause(lost).cause == (
        "flapping: the session was lost 4 times within 10 minutes; BIRD says "
        '"Error: Hold timer expired": nothing was heard for the hold time: a link that loses '
        "packets, or an end that has too little CPU"
    )


def test_that_both_ends_dialled_at_a_time_is_no_reason_for_a_loss() -> None:
    collision = f"{NOW.isoformat(' ')} <RMT> {NAME}: Received: Connection collision resolution"
    assert flaps([*log(3, timedelta(minutes=2)), *[collision] * 9], NOW)[NAME].words == (
        "Error: Hold timer expired",
    )


def test_where_the_log_has_no_error_that_is_said() -> None:
    assert cause(Flaps(3, ())).cause == (
        "flapping: the session was lost 3 times within 10 minutes; BIRD logs no error, as where a "
        "link, BFD or an operator ends it"
    )


def test_openwrts_own_words_before_bird_s_are_left_out() -> None:
    prefix = "Sun Nov 22 12:58:00 2026 daemon.err bird[1234]: "
    assert flaps(log(3, timedelta(minutes=2), prefix=prefix), NOW)[NAME].losses == 3


def test_two_losses_are_what_one_change_may_cost() -> None:
    assert of(SESSION, flaps(log(2, timedelta(minutes=2)), NOW)) is None


def test_what_was_long_ago_is_forgotten() -> None:
    assert flaps(log(9, timedelta(hours=1)), NOW) == {}


def test_a_session_that_never_came_up_does_not_flap() -> None:
    line = f"{NOW.isoformat(' ', 'milliseconds')} <TRACE> {NAME}: State changed to start"
    assert flaps([line] * 9, NOW) == {}
