"""YAML that Go's and Python's readers take for the same."""

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from render.yaml_text import yaml_text


@pytest.mark.parametrize("word", ["y", "N", "on", "Off", "yes", "NO", "true", "null", "~", ""])
def test_words_that_some_version_of_yaml_knows_are_quoted(word: str) -> None:
    assert yaml_text({"word": word}) == f'word: "{word}"\n'


@pytest.mark.parametrize("text", ["1e3", "0o17", "0x1f", "1_000", "12:30:45", ".inf", "1.10"])
def test_text_that_looks_like_a_number_is_quoted(text: str) -> None:
    assert yaml_text({"text": text}) == f'text: "{text}"\n'


@pytest.mark.parametrize("text", ["dc1-router1", "/dev/vda", "topology.kubernetes.io/zone"])
def test_plain_words_are_not(text: str) -> None:
    assert yaml_text({"text": text}) == f"text: {text}\n"


@given(text=st.text())
def test_any_text_reads_back_as_itself(text: str) -> None:
    assert yaml.safe_load(yaml_text({"text": text})) == {"text": text}


def test_keys_keep_their_order() -> None:
    assert (
        yaml_text({"b": 1, "a": {"d": [True], "c": None}})
        == "b: 1\na:\n  d:\n  - true\n  c: null\n"
    )


def test_several_documents_make_one_stream() -> None:
    assert list(yaml.safe_load_all(yaml_text({"a": 1}, {"b": 2}))) == [{"a": 1}, {"b": 2}]
