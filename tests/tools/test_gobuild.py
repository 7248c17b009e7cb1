import json
import re
from collections.abc import Callable
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


def test_the_oldest_go_named_is_the_one_the_modules_ask_for() -> None:
    asked = re.search(r"^go (\d+\.\d+)", (gobuild.MODULES / "cli/go.mod").read_text(), re.M)
    assert asked
    assert asked[1] == gobuild.OLDEST_GO
