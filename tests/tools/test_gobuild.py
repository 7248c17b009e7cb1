import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tools import ToolError, gobuild
from tools.progress import Progress

Executable = Callable[[Path, str], Path]

# Answers as Go does: `go build … -o FILE PACKAGE` and `go mod download -json MODULE`.
GO = """
echo "$PWD $CGO_ENABLED $GOFLAGS $*" >> {calls}
if [ "$1" = mod ]; then echo '{sdk}'; exit; fi
while [ "$1" != -o ]; do shift; done
echo built > "$2"
"""


@pytest.fixture
def env(tmp_path: Path) -> dict[str, str]:
    path = f"{tmp_path / 'go'}:/usr/bin:/bin"
    return {"PATH": path, "XDG_CACHE_HOME": str(tmp_path / "cache"), "GOOS": "plan9"}


def test_a_build_makes_the_programs_from_the_pinned_modules_and_copies_the_scripts(
    tmp_path: Path, env: dict[str, str], executable: Executable, progress: Progress
) -> None:
    sdk, into, calls = tmp_path / "sdk", tmp_path / "bin", tmp_path / "calls"
    into.mkdir()
    for script in gobuild.SCRIPTS:
        (sdk / script).parent.mkdir(parents=True)
        (sdk / script).write_text("script")
    executable(tmp_path / "go/go", GO.format(calls=calls, sdk=json.dumps({"Dir": str(sdk)})))
    gobuild.build("3.1.0", into, env, progress)
    assert {path.name for path in into.iterdir()} == {
        "pulumi",
        "pulumi-language-python",
        "pulumi-language-python-exec",
        "pulumi-resource-pulumi-python",
    }
    assert (into / "pulumi-language-python-exec").stat().st_mode & 0o111
    builds = [line for line in calls.read_text().splitlines() if " build " in line]
    assert [line.split()[0] for line in builds] == [str(part.module) for part in gobuild.PARTS]
    assert all(" 0 -mod=readonly build -tags osusergo,grpcnotrace " in line for line in builds)
    assert all("version.Version=v3.1.0" in line for line in builds)


def test_a_failed_build_shows_its_last_lines_and_where_the_others_are(
    tmp_path: Path, env: dict[str, str], executable: Executable, progress: Progress
) -> None:
    executable(tmp_path / "go/go", "seq 100; echo undefined: thing; exit 2")
    with pytest.raises(ToolError) as error:
        gobuild.build("3.1.0", tmp_path, env, progress)
    assert "building pulumi-language-python failed (exit status 2)" in str(error.value)
    assert "undefined: thing" in str(error.value)
    assert len(str(error.value).splitlines()) < 20
    log = str(error.value).rsplit(" ", 1)[1]
    assert Path(log).read_text().startswith("1\n2\n")


def test_without_go_the_message_names_both_remedies(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shutil.which", lambda command, path: None)
    with pytest.raises(ToolError, match=r"Put `pulumi` on PATH .* or Go 1\.\d+ or newer"):
        gobuild.find_go({})


def test_the_users_build_settings_do_not_change_the_outcome(env: dict[str, str]) -> None:
    ours = gobuild.environment(env | {"GOFLAGS": "-mod=vendor", "CGO_ENABLED": "1"})
    assert "GOOS" not in ours
    assert (ours["GOFLAGS"], ours["CGO_ENABLED"], ours["GOWORK"]) == ("-mod=readonly", "0", "off")


def own(tmp_path: Path) -> gobuild.Program:
    source = tmp_path / "source"
    source.mkdir(exist_ok=True)
    (source / "go.mod").write_text("module x\n\ngo 1.26.5\n")
    return gobuild.Program("judge", source, "judges", "the judge", 60)


def test_a_program_of_our_own_is_built_once_however_many_ask_for_it(
    tmp_path: Path, env: dict[str, str], executable: Executable
) -> None:
    calls = tmp_path / "calls"
    executable(tmp_path / "go/go", GO.format(calls=calls, sdk=""))
    program = own(tmp_path)
    with ThreadPoolExecutor(4) as pool:
        found = set(pool.map(lambda _: program.built(env), range(4)))
    assert [path.read_text() for path in found] == ["built\n"]
    (call,) = calls.read_text().splitlines()
    assert call.startswith(f"{program.source} 0 -mod=readonly build -trimpath ")


def test_changed_sources_are_built_anew(
    tmp_path: Path, env: dict[str, str], executable: Executable
) -> None:
    executable(tmp_path / "go/go", GO.format(calls=tmp_path / "calls", sdk=""))
    program = own(tmp_path)
    first = program.built(env)
    (program.source / "main.go").write_text("package main // changed")
    assert program.built(env) != first


def test_a_failed_build_of_our_own_leaves_no_program(
    tmp_path: Path, env: dict[str, str], executable: Executable
) -> None:
    executable(tmp_path / "go/go", "echo undefined: thing; exit 1")
    with pytest.raises(ToolError, match=r"building the judge failed(.|\n)*undefined: thing"):
        own(tmp_path).built(env)
    assert not list((tmp_path / "cache").rglob("judge"))


def test_without_go_the_message_says_what_the_module_asks_for(
    tmp_path: Path, env: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shutil.which", lambda command, path: None)
    with pytest.raises(ToolError, match=r"the judge is built with Go.* install Go 1\.26 or newer"):
        own(tmp_path).built(env)
