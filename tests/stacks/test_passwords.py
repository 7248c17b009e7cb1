"""Passwords that are made: what they follow from, and that they can be used."""

from hypothesis import given
from hypothesis import strategies as st

from config.load import load
from config.plan import given_passwords
from stacks.passwords import PasswordKeyProvider, derived

KEYS = st.binary(min_size=32, max_size=32).map(bytes.hex)
NAMES = st.sampled_from(["_peering", "dc1", "dc2", "ams"])
ROTATIONS = st.integers(1, 1000)


@given(KEYS, NAMES, ROTATIONS)
def test_a_password_that_is_made_could_have_been_given(key: str, name: str, number: int) -> None:
    password = derived(key, name, number)
    assert given_passwords(load({}, {"datacentres": {"dc1": password}})) == {"dc1": password}


@given(KEYS, st.sets(st.tuples(NAMES, ROTATIONS), min_size=2))
def test_another_name_or_rotation_is_another_password(key: str, uses: set[tuple[str, int]]) -> None:
    assert len({derived(key, name, rotation) for name, rotation in uses}) == len(uses)


def test_each_stack_has_a_key_of_its_own_and_keeps_it() -> None:
    provider = PasswordKeyProvider()
    first, second = (provider.create({}).outs or {} for _ in range(2))
    assert first["key"] != second["key"]
    assert derived(first["key"], "dc1", 1) != derived(second["key"], "dc1", 1)
    assert provider.diff("password-key", first, {"key": None}).changes is False
