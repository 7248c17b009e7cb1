"""Asks the real parsers of Talos and Cilium what they think of rendered files.

Tests that call these functions need `pytestmark = may_build`: a judge's first use builds it.
"""

import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from tests.judges import build

# As long as the other judge's build and the own one may take.
may_build = pytest.mark.timeout(2 * build.LIMIT)


def judge_talos(patches: Mapping[str, tuple[str, str]]) -> list[str]:
    """What Talos has against machine patches, given by name as (role, YAML).

    Each is applied alone to a configuration generated for its role. No problems: an empty list;
    otherwise one line for each, which starts with the patch's name.
    """
    texts = {name: text for name, (_, text) in patches.items()}
    roles = [role for role, _ in patches.values()]
    return _judge("talos", texts, [f"{role}={number}" for number, role in enumerate(roles)])


def judge_cilium(documents: Mapping[str, str]) -> list[str]:
    """What a cluster with Cilium has against manifests (YAML by name), as `judge_talos` says it."""
    return _judge("cilium", documents, [str(number) for number in range(len(documents))])


def _judge(name: str, texts: Mapping[str, str], arguments: Sequence[str]) -> list[str]:
    """Hand the texts over as numbered files, since their names may be no file names."""
    program = build.program(name)
    with TemporaryDirectory(prefix=f"judge-{name}-") as folder:
        for number, text in enumerate(texts.values()):
            (Path(folder) / str(number)).write_text(text)
        verdict = subprocess.run(
            (program, *arguments), cwd=folder, capture_output=True, text=True, timeout=60
        )
    if verdict.returncode not in (0, 1):
        raise RuntimeError(f"the judge {name} could not judge: {verdict.stderr.strip()}")
    names = list(texts)
    lines = (line.partition(": ") for line in verdict.stdout.splitlines())
    return [f"{names[int(number)]}: {problem}" for number, _, problem in lines]
