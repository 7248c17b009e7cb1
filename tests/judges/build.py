"""Builds a judge from its Go module, once for all checkouts and test workers of a user."""

import os
import shutil
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path

from tools import ToolError
from tools.cache import cache, log
from tools.gobuild import environment
from tools.lock import locked
from tools.progress import Progress
from tools.run import Command, run

SOURCES = Path(__file__).resolve().parent
LIMIT = 1800.0  # seconds; a cold build took 80 of CPU time for talos and 170 for cilium


def program(name: str, env: Mapping[str, str] = os.environ) -> Path:
    """The judge whose sources are in the folder `name`, built unless these sources were before."""
    source = SOURCES / name
    kept = cache(env) / "judges"
    target = kept / _digest(source) / name
    if not target.exists():
        # One lock for all judges: two builds at a time would only take each other's cores.
        with locked(kept / "lock", f"building the judge {name}", progress := Progress()):
            if not target.exists():  # another worker may just have put it there
                _build(source, target, env, progress)
    return target


def _digest(source: Path) -> str:
    """What a build depends on: go.sum pins whatever comes from elsewhere."""
    digest = sha256()
    for path in sorted(source.iterdir()):
        content = path.read_bytes()
        digest.update(f"{path.name} {len(content)}\n".encode() + content)
    return digest.hexdigest()[:16]


def _build(source: Path, target: Path, env: Mapping[str, str], progress: Progress) -> None:
    """Build beside the target and rename, so that nobody ever runs half a program."""
    go = shutil.which("go", path=env.get("PATH", os.defpath))
    if go is None:
        raise ToolError(
            f"the judge {source.name} is built with Go, which is not on PATH: "
            "install Go 1.26 or newer (https://go.dev/dl/) and run this again"
        )
    target.parent.mkdir(parents=True, exist_ok=True)
    partial = target.with_suffix(".partial")  # the lock's holder is alone with it
    flags = ("-trimpath", "-buildvcs=false", "-ldflags=-s -w")
    command = Command(
        doing := f"building the judge {source.name}",
        (go, "build", *flags, "-o", str(partial), "."),
        LIMIT,
        source,
        environment(env),
    )
    progress.say(f"{doing} (minutes, once) …")
    run(command, log(env, f"judge-{source.name}"), progress)
    partial.rename(target)
