import pytest

from twin.uci import Section, UciError, parse

NETWORK = """
# made by hand
config interface 'lan'
\toption device 'br-lan'
\tlist ipaddr '10.1.1.2/24'
\tlist ipaddr '10.1.1.1/24'

config device
\toption name "br-lan"  # the bridge
\toption ports 'eth0 eth3'
"""


def test_sections_come_in_order_with_their_type_and_name() -> None:
    assert [(section.type, section.name) for section in parse(NETWORK)] == [
        ("interface", "lan"),
        ("device", None),
    ]


def test_options_and_lists_belong_to_the_section_above_them() -> None:
    lan, device = parse(NETWORK)
    assert lan.options == {"device": "br-lan"}
    assert lan.lists == {"ipaddr": ["10.1.1.2/24", "10.1.1.1/24"]}
    assert device.get("name") == "br-lan"


def test_an_option_where_a_list_is_asked_for_counts_as_its_words() -> None:
    _, device = parse(NETWORK)
    assert device.values("ports") == ["eth0", "eth3"]
    assert device.values("nothing") == []


def test_an_option_that_is_not_there_has_the_default_asked_for() -> None:
    section = Section("zone", None, {"input": "ACCEPT"})
    assert section.get("input", "DROP") == "ACCEPT"
    assert section.get("output", "DROP") == "DROP"
    assert section.get("output") == ""


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("1", True),
        ("on", True),
        ("true", True),
        ("yes", True),
        ("enabled", True),
        ("0", False),
        ("off", False),
        ("no", False),
        ("", False),
    ],
)
def test_a_boolean_is_read_in_any_of_ucis_spellings(written: str, expected: bool) -> None:
    (section,) = parse(f"config zone\n option masq '{written}'")
    assert section.is_on("masq") is expected


def test_a_boolean_that_is_not_there_is_off() -> None:
    assert not Section("zone", None).is_on("masq")


@pytest.mark.parametrize(
    ("line", "value"),
    [
        ("option x 'two words'", "two words"),
        ('option x "two words"', "two words"),
        ("option x plain", "plain"),
        ("option x ''", ""),
        ("option x 'a # b'", "a # b"),
        ("  option\tx   'indented'  ", "indented"),
    ],
)
def test_values_are_quoted_as_in_a_shell(line: str, value: str) -> None:
    (section,) = parse(f"config zone\n{line}")
    assert section.get("x") == value


def test_an_option_set_twice_has_its_last_value() -> None:
    (section,) = parse("config zone\noption x 1\noption x 2")
    assert section.get("x") == "2"


@pytest.mark.parametrize("text", ["", "\n\n", "# nothing\n   # at all\n"])
def test_a_file_without_sections_is_empty(text: str) -> None:
    assert parse(text) == []


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("option x 1", r"line 1: not config, option or list: option x 1"),
        ("list x 1", r"line 1: not config, option or list: list x 1"),
        ("\nconfig", r"line 2: not config, option or list: config"),
        ("config a b c", r"line 1: not config, option or list: config a b c"),
        ("config a\noption x", r"line 2: not config, option or list: option x"),
        ("config a\n\toption x 1 2", r"line 2: not config, option or list: option x 1 2"),
        ("config a\nwhatever x 1", r"line 2: not config, option or list: whatever x 1"),
        ("config a\noption x 'open", r"line 2: No closing quotation: option x 'open"),
    ],
)
def test_a_line_that_is_not_uci_is_refused_with_its_number(text: str, complaint: str) -> None:
    with pytest.raises(UciError, match=f"^{complaint}$"):
        parse(text)
