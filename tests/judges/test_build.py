from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.judges import build
from tools import ToolError

# Answers to `go build … -o FILE .`
GO = """#!/bin/sh
echo "$PWD $CGO_ENABLED $GOFLAGS" >> {calls}
while [ "$1" != -o ]; do shift; done
sleep 0.2
echo built > "$2"
"""


def machine(tmp_path: Path, go: str) -> dict[str, str]:
    (tmp_path / "go").write_text(go.format(calls=tmp_path / "calls"))
    (tmp_path / "go").chmod(0o755)
    return {"PATH": f"{tmp_path}:/usr/bin:/bin", "XDG_CACHE_HOME": str(tmp_path / "cache")}


def test_a_judge_is_built_once_however_many_ask_for_it(tmp_path: Path) -> None:
    env = machine(tmp_path, GO)
    with ThreadPoolExecutor(4) as pool:
        programs = set(pool.map(lambda _: build.program("talos", env), range(4)))
    assert [program.read_text() for program in programs] == ["built\n"]
    assert (tmp_path / "calls").read_text() == f"{build.SOURCES / 'talos'} 0 -mod=readonly\n"


def test_changed_sources_are_built_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    env = machine(tmp_path, GO)
    monkeypatch.setattr(build, "SOURCES", tmp_path / "sources")
    source = tmp_path / "sources/talos/main.go"
    source.parent.mkdir(parents=True)
    source.write_text("package main")
    first = build.program("talos", env)
    source.write_text("package main // changed")
    assert build.program("talos", env) != first


def test_a_failed_build_shows_why_and_leaves_no_program(tmp_path: Path) -> None:
    env = machine(tmp_path, "#!/bin/sh\necho undefined: thing; exit 1")
    with pytest.raises(ToolError, match=r"building the judge talos failed(.|\n)*undefined: thing"):
        build.program("talos", env)
    assert not list((tmp_path / "cache").rglob("talos"))


def test_without_go_the_message_says_what_to_install(tmp_path: Path) -> None:
    with pytest.raises(ToolError, match=r"install Go 1\.26 or newer"):
        build.program("talos", {"PATH": str(tmp_path), "XDG_CACHE_HOME": str(tmp_path)})
