import pytest

from bench.samples import Spread, alternate, differences, ratios, spread


def test_sides_are_measured_in_turn_and_each_is_reported() -> None:
    order: list[str] = []
    told: list[tuple[int, str, int]] = []

    def measure(side: str) -> int:
        order.append(side)
        return len(order)

    found = alternate(2, ("a", "b"), measure, lambda *report: told.append(report))

    assert order == ["a", "b", "a", "b"]
    assert found == {"a": [1, 3], "b": [2, 4]}
    assert told == [(1, "a", 1), (1, "b", 2), (2, "a", 3), (2, "b", 4)]


def test_a_disturbed_run_does_not_move_the_median() -> None:
    assert Spread((1.0, 90.0, 2.0)).median == 2.0


def test_ratios_and_differences_are_taken_pair_by_pair() -> None:
    twin, empty = Spread((3.0, 8.0)), Spread((2.0, 4.0))

    assert ratios(twin, empty) == Spread((1.5, 2.0))
    assert differences(twin, empty) == Spread((1.0, 4.0))


def test_sides_that_were_not_measured_equally_often_are_no_pairs() -> None:
    with pytest.raises(ValueError, match="shorter"):
        ratios(Spread((1.0, 2.0)), Spread((1.0,)))


def test_a_spread_shows_its_range_if_it_has_one() -> None:
    assert Spread((1.0, 3.0, 2.0)).text("×") == "2.00× (1.00–3.00)"
    assert Spread((1.0,)).text(" s", digits=1) == "1.0 s"


def test_a_spread_of_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one"):
        Spread(())


def test_a_part_of_each_value_is_taken() -> None:
    assert spread(["a", "bcd"], len) == Spread((1, 3))
