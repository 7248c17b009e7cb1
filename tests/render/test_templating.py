"""Templates say so when something is missing."""

import jinja2
import pytest

from render.templating import fill


def test_a_missing_value_is_an_error_and_not_an_empty_place() -> None:
    with pytest.raises(jinja2.UndefinedError):
        fill("keepalived.j2")
