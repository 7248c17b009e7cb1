"""Claiming and releasing places: what is ours goes, what is others' stays."""

import os
import subprocess
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from twin import daemons, namespaces
from twin.place import (
    STATE_FOLDER,
    Place,
    TakenError,
    claim_stack,
    owner_of,
    release_stack,
)

pytestmark = [
    pytest.mark.twin,
    pytest.mark.filterwarnings("ignore:subprocess .* is still running:ResourceWarning"),
]


def left_of(stack: str) -> list[str]:
    """Whatever there is of a stack: namespaces, folders and processes."""
    folder = STATE_FOLDER / stack
    return [
        *map(str, namespaces.NETNS_FOLDER.glob(f"{stack}-*")),
        *map(str, folder.glob("**")),
        *map(str, daemons.running_in(folder)),
    ]


def start_daemon(place: Place) -> None:
    log = place.folder / "log"
    log.touch()
    daemons.start(place.namespace, ["tail", "-f", str(log)], folder=place.folder, environment={})
    while not daemons.running_in(place.folder):
        time.sleep(0.001)  # for an instant a new process has no command line to be found by


@pytest.fixture
def foreign(stack: str) -> Iterator[Place]:
    """A place whose namespace somebody else has made."""
    place = Place(stack, "foreign")
    namespaces.create(place.namespace)
    try:
        yield place
    finally:
        namespaces.delete(place.namespace)


def test_a_claim_makes_the_folder_and_the_namespace(stack: str) -> None:
    place = Place(stack, "machine")
    assert place.claim("me")
    assert place.stands
    assert place.namespace == f"{stack}-machine"
    assert owner_of(stack) == "me"


def test_a_second_claim_finds_them_made(place: Place) -> None:
    assert not place.claim("me")


def test_anothers_claim_is_refused_with_what_to_do(place: Place) -> None:
    with pytest.raises(TakenError, match="another checkout or an earlier state owns it") as taken:
        Place(place.stack, "other").claim("somebody else")
    assert f"python -m twin sweep {place.stack}" in str(taken.value)
    assert not Place(place.stack, "other").stands
    assert owner_of(place.stack) == "me"


def test_a_namespace_that_is_somebody_elses_is_refused_and_left_alone(foreign: Place) -> None:
    with pytest.raises(TakenError, match=f"ip netns delete {foreign.namespace}"):
        foreign.claim("me")
    assert namespaces.exists(foreign.namespace)
    assert not foreign.folder.exists()


def test_a_claim_that_was_killed_half_way_is_finished_by_the_next(stack: str) -> None:
    place = Place(stack, "machine")
    claim_stack(stack, "me")
    place.folder.mkdir()
    assert place.claim("me")
    assert place.stands


def test_a_namespace_that_was_killed_half_way_is_finished_by_the_next_claim(stack: str) -> None:
    place = Place(stack, "machine")
    claim_stack(stack, "me")
    place.folder.mkdir()
    (namespaces.NETNS_FOLDER / place.namespace).touch(mode=0o444)
    place.claim("me")
    with namespaces.inside(place.namespace):
        pass


def test_a_lost_namespace_is_noticed_and_made_again(place: Place) -> None:
    namespaces.delete(place.namespace)
    stood = place.stands
    assert place.claim("me")
    assert (stood, place.stands) == (False, True)


def test_of_many_who_claim_a_stack_at_once_one_owner_wins(stack: str) -> None:
    def attempt(number: int) -> bool:
        try:
            claim_stack(stack, f"owner{number % 3}")
        except TakenError:
            return False
        return True

    with ThreadPoolExecutor(12) as pool:
        won = list(pool.map(attempt, range(60)))
    owner = owner_of(stack)
    assert [f"owner{number % 3}" == owner for number in range(60)] == won
    assert [path.name for path in (STATE_FOLDER / stack).iterdir()] == ["owner"]


def test_a_release_leaves_nothing_of_the_machine(place: Place) -> None:
    start_daemon(place)
    Place(place.stack, "machine-pod1").claim("me")
    place.release()
    assert left_of(place.stack) == [str(STATE_FOLDER / place.stack)]


def test_a_release_leaves_the_other_machines_alone(place: Place) -> None:
    others = [Place(place.stack, name) for name in ("machine2", "mach", "machin", "other")]
    for other in others:
        other.claim("me")
        start_daemon(other)
    place.release()
    assert all(other.stands and daemons.running_in(other.folder) for other in others)


def test_a_release_of_what_is_not_there_is_no_error(stack: str) -> None:
    Place(stack, "machine").release()
    assert left_of(stack) == []


def test_a_release_can_be_repeated(place: Place) -> None:
    place.release()
    place.release()
    assert not place.stands


def test_a_release_that_was_killed_half_way_is_finished_by_the_next(place: Place) -> None:
    namespaces.delete(place.namespace)
    place.release()
    assert left_of(place.stack) == [str(STATE_FOLDER / place.stack)]


def test_a_release_leaves_a_namespace_alone_that_was_never_claimed(foreign: Place) -> None:
    foreign.release()
    assert namespaces.exists(foreign.namespace)


def test_a_release_leaves_a_machine_alone_that_is_only_named_like_a_pod(stack: str) -> None:
    segment, router = Place(stack, "wan"), Place(stack, "wan-podgorica-router1")
    segment.claim("me")
    router.claim("me")
    segment.release()
    assert router.stands


def test_releasing_a_stack_leaves_nothing_and_says_what_there_was(stack: str) -> None:
    for name in ("lan", "router1", "node1", "node1-pod1"):
        place = Place(stack, name)
        place.claim("me")
        start_daemon(place)
    assert release_stack(stack) == ["lan", "node1", "node1-pod1", "router1"]
    assert left_of(stack) == []
    assert owner_of(stack) is None


def test_releasing_a_stack_leaves_others_alone(place: Place) -> None:
    other = f"{place.stack}0"
    Place(other, "machine").claim("me")
    assert release_stack(other) == ["machine"]
    assert place.stands


def test_releasing_a_stack_that_is_not_there_is_no_error(stack: str) -> None:
    assert release_stack(stack) == []


def test_a_process_that_looks_into_a_namespace_does_not_keep_it(place: Place) -> None:
    with namespaces.inside(place.namespace):
        watcher = subprocess.Popen(["sleep", "30"])
    try:
        place.release()
        assert not Path(namespaces.NETNS_FOLDER / place.namespace).exists()
        assert watcher.poll() is None, "it is somebody else's"
    finally:
        watcher.kill()
        watcher.wait()


def test_a_stack_can_be_claimed_while_another_goes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The last stack to go removes the common folder, which the next one is about to use."""
    common, make = tmp_path / "common", os.mkdir
    gone: list[Path] = []

    def make_late(path: Path, mode: int = 0o777) -> None:
        if path.name == "mine" and common.is_dir() and not gone:
            common.rmdir()
            gone.append(path)
        make(path, mode)

    monkeypatch.setattr("twin.place.STATE_FOLDER", common)
    monkeypatch.setattr(os, "mkdir", make_late)
    claim_stack("mine", "me")
    assert (gone, owner_of("mine")) == ([common / "mine"], "me")
