import pytest

from twin import ground
from twin.place import Place, TakenError, owner_of

pytestmark = pytest.mark.twin


def test_taking_a_ground_makes_nothing_and_gives_a_new_owner_each_time(stack: str) -> None:
    assert ground.take(stack) != ground.take(stack)
    assert owner_of(stack) is None


def test_a_ground_that_somebody_stands_on_is_refused(place: Place) -> None:
    with pytest.raises(TakenError, match=f"a twin of a stack named {place.stack} stands"):
        ground.take(place.stack)


def test_leaving_removes_what_is_left(place: Place) -> None:
    ground.leave(place.stack, "me")
    assert not place.stands
    assert owner_of(place.stack) is None


def test_leaving_does_not_touch_what_is_somebody_elses(place: Place) -> None:
    ground.leave(place.stack, "somebody else")
    assert place.stands


def test_leaving_where_nothing_stands_is_no_error(stack: str) -> None:
    ground.leave(stack, "me")
