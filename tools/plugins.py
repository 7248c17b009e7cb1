"""Provider plugins from their Go modules, where the engine cannot download them.

Of the three that stacks on libvirt use, libvirt's is the one whose modules a proxy serves: the
provider that it wraps, and the bridge that wraps it. `engine/libvirt` joins them in a page.
"""

import os
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path

from tools.cache import cache, log
from tools.gobuild import MODULES, environment, find_go
from tools.lock import locked
from tools.progress import Progress
from tools.run import Command, run

LIMIT = 1800.0  # seconds; a cold build took 54 of CPU time
LIBVIRT = "pulumi-resource-libvirt"


def libvirt(env: Mapping[str, str] = os.environ) -> Path:
    """The plugin, built unless these sources were before."""
    source = MODULES / "libvirt"
    kept = cache(env) / "plugins"
    target = kept / _digest(source) / LIBVIRT
    if not target.exists():
        progress = Progress()
        with locked(kept / "lock", f"building {LIBVIRT}", progress):
            if not target.exists():  # another process may just have put it there
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
    target.parent.mkdir(parents=True, exist_ok=True)
    partial = target.with_suffix(".partial")  # the lock's holder is alone with it
    flags = ("-trimpath", "-buildvcs=false", "-tags", "osusergo,grpcnotrace", "-ldflags=-s -w")
    doing = f"building {LIBVIRT}"
    command = Command(
        doing,
        (find_go(env), "build", *flags, "-o", str(partial), "."),
        LIMIT,
        source,
        environment(env),
    )
    progress.say(f"{doing} (a minute or two, once) …")
    run(command, log(env, "libvirt-plugin"), progress)
    partial.rename(target)
