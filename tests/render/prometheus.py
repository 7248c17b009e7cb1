"""Prometheus' own judge of rules and expressions."""

import shutil
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from render.documents import Document
from render.yaml_text import yaml_text


def promtool(folder: Path, *arguments: str, **files: Document) -> str:
    """What `promtool` says of the files, each written as `<name>.yml`. Fails where it complains."""
    program = shutil.which("promtool")
    if program is None:
        pytest.skip("promtool is not installed")
    for name, document in files.items():
        (folder / f"{name}.yml").write_text(yaml_text(document))
    done = subprocess.run(
        [program, *arguments], cwd=folder, capture_output=True, text=True, timeout=120
    )
    said = done.stdout + done.stderr
    assert done.returncode == 0, said
    return said


def series(values: Mapping[str, str]) -> Sequence[Document]:
    """Series for a test of rules, by what they are called."""
    return [{"series": name, "values": text} for name, text in values.items()]
