"""Daemons are found by their folder alone, and only those that were meant are ended."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from twin import daemons
from twin.daemons import DaemonError
from twin.place import Place

pytestmark = [
    pytest.mark.twin,
    pytest.mark.filterwarnings("ignore:subprocess .* is still running:ResourceWarning"),
]


def start(place: Place, *command: str) -> int:
    """Start something for the place. Returns its id, once the kernel shows its command line."""
    before = set(daemons.running_in(place.folder))
    daemons.start(place.namespace, command, folder=place.folder, environment={"MARK": "set"})
    while not (new := set(daemons.running_in(place.folder)) - before):
        time.sleep(0.001)
    (process,) = new
    return process


def start_python(place: Place, script: str, argument: str) -> int:
    """Start a script that says when it is ready."""
    process = start(place, sys.executable, "-c", f"{_IMPORTS}\n{script}", argument)
    while not (place.folder / "ready").exists():
        time.sleep(0.01)
    return process


_IMPORTS = "import signal, time; from pathlib import Path"
_READY = "Path('ready').touch(); time.sleep(60)"


@pytest.fixture
def log(place: Place) -> str:
    """A file of the place that `tail -f` can follow for ever."""
    path = place.folder / "some.log"
    path.touch()
    return str(path)


@pytest.fixture
def foreign(place: Place) -> Iterator[subprocess.Popen[bytes]]:
    """Somebody else's process, which knows of the folder but is not for it."""
    texts = [
        f"{place.folder}-2/file",
        f"see {place.folder}/file",
        str(place.folder.parent),
        f"{place.folder.parent}/mach",
    ]
    process = subprocess.Popen(["sh", "-c", "read line", *texts], stdin=subprocess.PIPE)
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def is_gone(process: int) -> bool:
    """Whether it has ended; one that ended and has not been waited for has no command line."""
    try:
        return not Path(f"/proc/{process}/cmdline").read_bytes()
    except FileNotFoundError:
        return True


def test_a_module_that_python_runs_is_known_by_its_own_name(place: Place) -> None:
    process = start(place, sys.executable, "-m", "http.server", "--bind", "127.0.0.1", "0")
    assert daemons.running_in(place.folder, "http.server") == [process]
    assert daemons.running_in(place.folder, Path(sys.executable).name) == []
    assert (place.folder / "http.server.log").exists()


def test_the_daemons_of_several_folders_are_ended_together(place: Place, log: str) -> None:
    beside = Place(place.stack, f"{place.machine}-pod1")
    beside.claim("me")
    processes = [start(place, "tail", "-f", log), start(beside, "tail", "-f", log)]
    daemons.end_all_in([place.folder, beside.folder])
    assert all(is_gone(process) for process in processes)


def test_a_daemon_is_found_by_its_folder(place: Place, log: str) -> None:
    process = start(place, "tail", "-f", log)
    assert daemons.running_in(place.folder) == [process]
    assert daemons.running_in(place.folder.parent) == [process], "and by the stack's"


def test_a_daemon_is_found_as_soon_as_it_was_started(place: Place, log: str) -> None:
    for number in range(1, 61):
        command = ["tail", "-f", log]
        daemons.start(place.namespace, command, folder=place.folder, environment={})
        assert len(daemons.running_in(place.folder)) == number


def test_a_daemon_is_found_by_a_socket_in_its_folder(place: Place) -> None:
    socket = f"unix://{place.folder}/gobgp.sock"
    process = start_python(place, _READY, socket)
    assert daemons.running_in(place.folder) == [process]


def test_a_daemon_is_told_from_the_folders_others_by_its_name(place: Place, log: str) -> None:
    process = start(place, "tail", "-f", log)
    assert daemons.running_in(place.folder, "tail") == [process]
    assert daemons.running_in(place.folder, "bird") == []


def test_a_folder_that_nobody_was_started_for_has_no_daemons(
    place: Place, foreign: subprocess.Popen[bytes]
) -> None:
    assert daemons.running_in(place.folder) == []


def test_a_process_whose_program_is_in_the_folder_is_not_for_it(place: Place) -> None:
    program = place.folder / "sleep"
    program.symlink_to("/bin/sleep")
    with subprocess.Popen([str(program), "30"]) as process:
        try:
            assert daemons.running_in(place.folder) == []
        finally:
            process.kill()


def test_a_daemon_runs_in_its_namespace_and_folder_apart_from_us(place: Place, log: str) -> None:
    process = Path("/proc", str(start(place, "tail", "-f", log)))
    own_net = Path("/proc/self/ns/net")
    assert (process / "ns/net").readlink() != own_net.readlink()
    assert (process / "ns/mnt").readlink() == Path("/proc/self/ns/mnt").readlink()
    assert (process / "cwd").readlink() == place.folder
    assert os.getsid(int(process.name)) == int(process.name), "our end is not its end"
    environment = (process / "environ").read_bytes().split(b"\0")
    assert b"MARK=set" in environment
    assert any(variable.startswith(b"PATH=") for variable in environment)


def test_what_a_daemon_says_is_kept_in_its_folder(place: Place) -> None:
    daemons.start(
        place.namespace,
        ["sh", "-c", "echo one; echo two >&2"],
        folder=place.folder,
        environment={},
    )
    log = place.folder / "sh.log"
    deadline = time.monotonic() + 10
    while log.read_text().count("\n") < 2 and time.monotonic() < deadline:
        time.sleep(0.01)
    assert log.read_text() == "one\ntwo\n"


def test_a_program_that_is_not_there_says_so(place: Place) -> None:
    with pytest.raises(FileNotFoundError, match="no-such-daemon"):
        start(place, "no-such-daemon")


def test_stopping_ends_the_folders_daemons_and_nobody_else(
    place: Place, log: str, foreign: subprocess.Popen[bytes]
) -> None:
    other = Place(place.stack, "other")
    other.claim("me")
    (other.folder / "log").touch()
    kept = start(other, "tail", "-f", str(other.folder / "log"))
    ended = [start(place, "tail", "-f", log), start(place, "tail", "-n1", "-f", log)]
    daemons.stop(daemons.running_in(place.folder))
    assert all(is_gone(process) for process in ended)
    assert not is_gone(kept)
    assert foreign.poll() is None


def test_a_daemon_that_will_not_end_kindly_is_ended_for_good(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(daemons, "_GRACE_SECONDS", 0.2)
    stubborn = f"signal.signal(signal.SIGTERM, signal.SIG_IGN); {_READY}"
    process = start_python(place, stubborn, str(place.folder))
    daemons.stop([process])
    assert is_gone(process)


def test_stopping_waits_until_a_daemon_has_tidied_up(place: Place) -> None:
    tidy = "time.sleep(0.3); Path('tidied').touch(); raise SystemExit"
    script = f"def tidy(*_): {tidy}\nsignal.signal(signal.SIGTERM, tidy); {_READY}"
    process = start_python(place, script, str(place.folder))
    daemons.stop([process])
    assert is_gone(process)
    assert (place.folder / "tidied").exists()


def test_stopping_what_has_ended_meanwhile_is_no_error(place: Place, log: str) -> None:
    process = start(place, "tail", "-f", log)
    daemons.stop([process])
    daemons.stop([process])
    daemons.stop([])


def test_a_daemon_that_refuses_its_configuration_is_quoted(place: Place) -> None:
    configuration = place.folder / "bird.conf"
    configuration.write_text("router id 1.1.1.1;\nnonsense;\n")
    command = ["bird", "-c", str(configuration), "-s", str(place.folder / "bird.ctl")]
    with pytest.raises(DaemonError, match=r"bird\.conf:2:\d+ syntax error"):
        daemons.launch(place.namespace, command, folder=place.folder)
    assert daemons.running_in(place.folder) == []


def test_a_daemon_that_fails_without_a_word_is_named(place: Place) -> None:
    with pytest.raises(DaemonError, match=r"^false ended with 1$"):
        daemons.launch(place.namespace, ["false"], folder=place.folder)
