import stat

import pytest

from twin import record
from twin.place import Place


def test_the_same_inputs_have_the_same_digest_in_whatever_order() -> None:
    assert record.digest({"a": 1, "b": {"c": 2, "d": 3}}) == record.digest(
        {"b": {"d": 3, "c": 2}, "a": 1}
    )


@pytest.mark.parametrize(
    "other",
    [{"a": 2}, {"a": "1"}, {"a": 1, "b": None}, {}, {"a": [1]}],
)
def test_other_inputs_have_another_digest(other: dict[str, object]) -> None:
    assert record.digest(other) != record.digest({"a": 1})


def test_what_the_engine_adds_to_the_inputs_does_not_count() -> None:
    assert record.digest({"a": 1, "__provider": "pickled"}) == record.digest({"a": 1})


def test_a_digest_shows_nothing_of_a_password() -> None:
    digest = record.digest({"password": "hush"})
    assert len(digest) == 16
    assert "hush" not in digest


@pytest.mark.twin
def test_what_was_applied_can_be_read_again(place: Place) -> None:
    record.write(place, {"a": [1, {"b": None}], "__provider": "pickled"})
    assert record.read(place) == {"a": [1, {"b": None}]}


@pytest.mark.twin
def test_only_the_owner_can_read_what_was_applied(place: Place) -> None:
    record.write(place, {"password": "hush"})
    (file,) = (path for path in place.folder.iterdir() if "hush" in path.read_text())
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


@pytest.mark.twin
def test_a_machine_that_was_never_finished_has_no_record(place: Place) -> None:
    assert record.read(place) is None


@pytest.mark.twin
def test_a_later_record_takes_the_place_of_an_earlier_one(place: Place) -> None:
    record.write(place, {"a": 1})
    record.write(place, {"a": 2})
    assert record.read(place) == {"a": 2}
    assert len(list(place.folder.iterdir())) == 1
