import io
import re
import threading
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from tools import ToolError, pulumi
from tools.progress import Progress

Executable = Callable[[Path, str], Path]
PROJECT = Path(pulumi.__file__).parent.parent


@pytest.fixture
def env(tmp_path: Path) -> dict[str, str]:
    return {"PATH": f"{tmp_path / 'bin'}:/usr/bin:/bin", "XDG_CACHE_HOME": str(tmp_path / "cache")}


@pytest.fixture
def engine(tmp_path: Path, executable: Executable) -> Callable[..., Path]:
    """Put an engine of some version into a folder, all parts or some."""

    def write(version: str, folder: str = "bin", parts: tuple[str, ...] = pulumi.PARTS) -> Path:
        asked = tmp_path / "asked"
        for part in parts:
            executable(tmp_path / folder / part, f"echo asked >> {asked}; echo v{version}")
        return tmp_path / folder

    return write


@pytest.mark.parametrize(
    ("answer", "version"),
    [
        ("v3.255.0\n", (3, 255, 0)),
        ("3.256.1-alpha.4+dirty", (3, 256, 1)),
        ("no idea", None),
        ("", None),
    ],
)
def test_an_answer_is_read_as_a_version_or_not_at_all(
    answer: str, version: tuple[int, int, int] | None
) -> None:
    assert pulumi.parse(answer) == version


@pytest.mark.parametrize(
    ("version", "good"),
    [
        ("3.254.9", False),
        ("3.99.0", False),
        ("3.255.0", True),
        ("3.255.1", True),
        ("3.1000.0", True),
        ("4.0.0", False),
        ("?", False),
    ],
)
def test_an_engine_is_recent_enough_from_the_sdks_version_on_within_its_major(
    version: str, good: bool
) -> None:
    assert pulumi.recent_enough(pulumi.parse(version)) is good


def test_a_recent_engine_on_path_is_used(env: dict[str, str], engine: Callable[..., Path]) -> None:
    assert pulumi.find(env) is None
    folder = engine("3.300.0")
    assert pulumi.find(env) == folder


def test_an_older_engine_on_path_is_not_used(
    env: dict[str, str], engine: Callable[..., Path]
) -> None:
    engine("3.100.0")
    assert pulumi.find(env) is None


def test_an_engine_without_its_python_host_is_not_used(
    env: dict[str, str], engine: Callable[..., Path]
) -> None:
    engine("3.300.0", parts=("pulumi",))
    assert pulumi.find(env) is None


def test_the_parts_may_lie_beside_the_file_that_path_links_to(
    tmp_path: Path, env: dict[str, str], engine: Callable[..., Path]
) -> None:
    folder = engine("3.300.0", "opt/pulumi")
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin/pulumi").symlink_to(folder / "pulumi")
    assert pulumi.find(env) == folder


def test_an_engine_on_path_is_asked_for_its_version_once_until_it_changes(
    tmp_path: Path, env: dict[str, str], engine: Callable[..., Path]
) -> None:
    engine("3.300.0")
    for _ in range(3):
        assert pulumi.find(env)
    assert (tmp_path / "asked").read_text().count("asked") == 1
    engine("3.100.00")
    assert pulumi.find(env) is None


def test_the_cached_engine_is_used_where_path_has_none(
    env: dict[str, str], engine: Callable[..., Path]
) -> None:
    assert engine(pulumi.VERSION, f"cache/underlay/toolchain/pulumi-{pulumi.VERSION}/bin")
    assert pulumi.find(env) == pulumi.cached_bin(env)


def obtaining(version: str, after: Callable[[], None] = lambda: None) -> Callable[..., None]:
    """Stand in for the download or the build."""

    def obtain(bin_: Path, env: Mapping[str, str], progress: Progress) -> None:
        for part in pulumi.PARTS:
            (bin_ / part).write_text(f"#!/bin/sh\necho v{version}\n")
            (bin_ / part).chmod(0o755)
        after()

    return obtain


def test_an_engine_on_path_that_is_too_old_is_named_when_another_is_installed(
    env: dict[str, str],
    engine: Callable[..., Path],
    progress: Progress,
    said: io.StringIO,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    old = engine("3.100.0")
    monkeypatch.setattr(pulumi, "_obtain", obtaining(pulumi.VERSION))
    assert pulumi.ensure(env, progress) == pulumi.cached_bin(env)
    assert f"{old / 'pulumi'} is older than {pulumi.VERSION}" in said.getvalue()


def test_a_failed_installation_leaves_nothing_and_a_killed_ones_rest_is_removed(
    env: dict[str, str], progress: Progress, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = pulumi.cached_bin(env).parent
    rest = home.parent / f"{home.name}.partial-killed"
    rest.mkdir(parents=True)

    def fail() -> None:
        raise ToolError("no luck")

    monkeypatch.setattr(pulumi, "_obtain", obtaining(pulumi.VERSION, fail))
    with pytest.raises(ToolError, match="no luck"):
        pulumi.ensure(env, progress)
    assert [path.name for path in home.parent.iterdir()] == [f"{home.name}.lock"]


def test_an_installation_is_whole_and_alone_in_its_folder(
    env: dict[str, str], progress: Progress, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = pulumi.cached_bin(env).parent
    (home / "bin").mkdir(parents=True)  # of some earlier trouble: nothing in it
    (home.parent / f"{home.name}.partial-killed").mkdir()
    monkeypatch.setattr(pulumi, "_obtain", obtaining(pulumi.VERSION))
    pulumi.ensure(env, progress)
    assert {path.name for path in (home / "bin").iterdir()} == set(pulumi.PARTS)
    assert {path.name for path in home.parent.iterdir()} == {home.name, f"{home.name}.lock"}


def test_an_installed_engine_of_another_version_is_refused(
    env: dict[str, str], progress: Progress, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pulumi, "_obtain", obtaining("3.1.0"))
    with pytest.raises(ToolError, match=re.escape(pulumi.VERSION)):
        pulumi.ensure(env, progress)
    assert pulumi.find(env) is None


def test_two_checkouts_install_it_once(
    env: dict[str, str], progress: Progress, said: io.StringIO, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun, go_on, times = threading.Event(), threading.Event(), []

    def hold() -> None:
        times.append(1)
        begun.set()
        assert go_on.wait(30)

    monkeypatch.setattr(pulumi, "_obtain", obtaining(pulumi.VERSION, hold))
    both = [threading.Thread(target=pulumi.ensure, args=(env, progress)) for _ in range(2)]
    for thread in both:
        thread.start()
    assert begun.wait(30)
    while "waiting for process" not in said.getvalue():
        both[1].join(0.05)
    go_on.set()
    for thread in both:
        thread.join(30)
    assert len(times) == 1
    assert pulumi.find(env) == pulumi.cached_bin(env)


def test_engine_and_sdk_are_pinned_to_one_version() -> None:
    assert f"pulumi=={pulumi.VERSION}\n" in (PROJECT / "requirements.in").read_text()
    assert f"\npulumi=={pulumi.VERSION} " in (PROJECT / "requirements.txt").read_text()
    modules = (PROJECT / "tools/engine/cli/go.mod").read_text()
    for module in ("pkg", "sdk"):
        assert f"github.com/pulumi/pulumi/{module}/v3 v{pulumi.VERSION} " in modules
