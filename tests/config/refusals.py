"""What `load` says of a configuration that it refuses."""

from collections.abc import Mapping

import pytest

from config.errors import ConfigurationError
from config.load import load


def refusals(
    fabric: Mapping[str, object] | None = None, passwords: Mapping[str, object] | None = None
) -> list[str]:
    """The problems as the user reads them, one line each, with nothing else in the message."""
    with pytest.raises(ConfigurationError) as refused:
        load(fabric, passwords)
    title, *lines = str(refused.value).splitlines()
    assert title.startswith("the configuration has ")
    assert all(line.startswith("  - ") for line in lines)
    assert lines == [f"  - {problem}" for problem in refused.value.problems]
    return [line.removeprefix("  - ") for line in lines]
