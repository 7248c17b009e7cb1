from collections.abc import Iterator
from pathlib import Path

import pytest

from images import download
from tests.images import ext4
from tests.images.upstream import Upstream, running


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache of the test's own, and no proxy between it and its server."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setattr(download, "PAUSE_SECONDS", 0.01)
    return tmp_path / "cache" / "underlay" / "images"


@pytest.fixture
def upstream() -> Iterator[Upstream]:
    with running() as server:
        yield server


@pytest.fixture(scope="session")
def pristine(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return ext4.make(tmp_path_factory.mktemp("ext4") / "root.ext4")
