"""A real BIRD is asked over its control socket."""

import socket
import threading
from datetime import datetime
from pathlib import Path

import pytest

from twin import birdc
from twin.birdc import BfdSession, BirdError


@pytest.mark.twin
def test_bird_answers_line_by_line(bird: Path) -> None:
    assert birdc.ask(bird, "show status")[-1] == "Daemon is up and running"


@pytest.mark.twin
def test_a_session_that_is_not_up_is_listed_with_its_state(bird: Path) -> None:
    (state,) = birdc.sessions(bird).values()
    assert state in {"Idle", "Connect", "Active"}


@pytest.mark.twin
def test_what_bird_refuses_is_said_in_its_words(bird: Path) -> None:
    with pytest.raises(BirdError, match="syntax error"):
        birdc.ask(bird, "nonsense")


def test_a_bird_that_does_not_answer_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(BirdError, match=r"BIRD does not answer at .*nobody\.ctl: No such file"):
        birdc.ask(tmp_path / "nobody.ctl", "show status")


@pytest.fixture
def answering(tmp_path: Path) -> Path:
    """A control socket that says what a test has put into `answer`, and closes."""
    path = tmp_path / "bird.ctl"
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(path))
    listener.listen()

    def serve() -> None:
        with listener, listener.accept()[0] as connection:
            connection.sendall(b"0001 BIRD ready.\n")
            connection.recv(1000)
            connection.sendall((tmp_path / "answer").read_bytes())

    threading.Thread(target=serve, daemon=True).start()
    return path


def test_lines_of_an_answer_lose_their_codes(answering: Path) -> None:
    (answering.parent / "answer").write_text(
        "1002-one\n two\n+asynchronous\n\n1006-  three\n0000 \n"
    )
    assert birdc.ask(answering, "show") == ["one", "two", "  three"]


def test_an_answer_that_is_an_error_is_raised_whole(answering: Path) -> None:
    (answering.parent / "answer").write_text("8002-bird.conf:3:1 syntax\n8002 error\n")
    with pytest.raises(BirdError, match=r"^bird\.conf:3:1 syntax; error$"):
        birdc.ask(answering, "configure")


def test_an_answer_that_breaks_off_is_an_error(answering: Path) -> None:
    (answering.parent / "answer").write_text("1002-one\n1002-two")
    with pytest.raises(BirdError, match="in the middle of an answer"):
        birdc.ask(answering, "show")


def test_sessions_are_told_by_their_neighbors_address(answering: Path) -> None:
    (answering.parent / "answer").write_text(
        """2002-Name       Proto      Table      State  Since         Info
1002-device1    Device     ---        up     09:00:00.000
1006-
1002-node_a     BGP        ---        start  09:00:00.000  Active
1006-  BGP state:          Active
     Neighbor address: 10.1.1.21
     Neighbor AS:      65001

1002-node_b     BGP        ---        up     09:00:00.000  Established
1006-  BGP state:          Established
     Neighbor address: 10.1.1.22
0000 end
"""
    )
    assert birdc.sessions(answering) == {"10.1.1.21": "Active", "10.1.1.22": "Established"}


BFD = """\
bfd1:
IP address                Interface  State      Since         Interval  Timeout
172.30.0.3                eth2       Up         2026-11-22 12:00:17.923    0.050    0.150
172.29.0.3                eth3       Down       2026-11-22 12:00:17.922    1.000    0.000
"""


def test_each_bfd_session_is_read_by_its_neighbor() -> None:
    time = datetime(2026, 11, 22, 12, 0, 17)
    assert birdc.bfd_listed(BFD.splitlines()) == {
        "172.30.0.3": BfdSession("Up", 50, 150, time.replace(microsecond=923_000)),
        "172.29.0.3": BfdSession("Down", 1000, 0, time.replace(microsecond=922_000)),
    }


def test_a_time_without_its_day_is_left_out() -> None:
    line = "172.30.0.3                eth2       Up         12:00:17.923    0.050    0.150"
    assert birdc.bfd_listed([line]) == {"172.30.0.3": BfdSession("Up", 50, 150)}


@pytest.mark.twin
def test_a_bird_without_bfd_has_no_sessions_of_it(bird: Path) -> None:
    assert birdc.bfd_sessions(bird) == {}
    assert birdc.bfd_listed(["There is no BFD protocol running"]) == {}
