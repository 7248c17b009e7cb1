from config.errors import ConfigurationError, Problem

LAN = Problem("fabric.lan", "10.0.0.0/8", "is too large", "use a longer prefix")


def test_a_problem_reads_as_field_value_reason_and_remedy() -> None:
    assert str(LAN) == "fabric.lan 10.0.0.0/8 is too large: use a longer prefix"


def test_a_problem_without_a_value_to_show_says_none() -> None:
    hidden = Problem("passwords.peering", None, "is too long", "use fewer characters")
    assert str(hidden) == "passwords.peering is too long: use fewer characters"


def test_one_problem_is_announced_as_one() -> None:
    assert str(ConfigurationError([LAN])) == f"the configuration has a problem\n  - {LAN}"


def test_several_problems_are_counted_and_listed() -> None:
    assert str(ConfigurationError([LAN, LAN])) == (
        f"the configuration has 2 problems\n  - {LAN}\n  - {LAN}"
    )
