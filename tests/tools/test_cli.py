import ast
import subprocess
import sys
from pathlib import Path

import pytest

import tools.__main__
from tools import ToolError, cli, pulumi

SOURCES = sorted(Path(cli.__file__).parent.glob("*.py"))


def test_a_python_that_is_too_old_gets_a_sentence(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "version_info", (3, 9, 2))
    assert tools.__main__.main() == 1
    message = capsys.readouterr().err
    assert "needs Python 3.11 or newer" in message
    assert "is 3.9" in message


@pytest.mark.parametrize("name", ["__init__.py", "__main__.py"])
def test_what_runs_before_the_check_parses_under_an_old_python(name: str) -> None:
    source = next(path for path in SOURCES if path.name == name)
    ast.parse(source.read_text(), feature_version=(3, 6))


@pytest.mark.parametrize("source", SOURCES, ids=lambda path: path.name)
def test_only_the_standard_library_is_imported(source: Path) -> None:
    tree = ast.parse(source.read_text())
    imports = [node for node in ast.walk(tree) if isinstance(node, ast.Import)]
    froms = [node for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
    names = [alias.name for node in imports for alias in node.names]
    names += [node.module or "" for node in froms]
    assert {name.split(".")[0] for name in names} <= {"tools", *sys.stdlib_module_names}


def test_path_names_the_environment_first_and_then_the_engine(tmp_path: Path) -> None:
    answer = subprocess.run(
        (sys.executable, "-S", "-m", "tools", "path"),
        cwd=cli.PROJECT,
        env={"PATH": "/usr/bin:/bin", "HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        check=True,
    )
    environment, engine = answer.stdout.strip().split(":")
    assert environment == str(cli.PROJECT / ".venv/bin")
    assert engine == f"{tmp_path}/.cache/underlay/toolchain/pulumi-{pulumi.VERSION}/bin"


@pytest.mark.parametrize(
    "error", [ToolError("no luck"), PermissionError(13, "Permission denied", "/cache")]
)
def test_an_error_is_one_message(
    error: Exception, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(kind: str) -> None:
        raise error

    monkeypatch.setattr(cli, "install", fail)
    assert cli.main(["install"]) == 1
    assert capsys.readouterr() == ("", f"error: {error}\n")


def test_a_relative_cache_folder_is_ignored(tmp_path: Path) -> None:
    assert pulumi.cached_bin({"XDG_CACHE_HOME": "here"}).is_absolute()
    assert pulumi.cached_bin({"XDG_CACHE_HOME": str(tmp_path)}).is_relative_to(tmp_path)
