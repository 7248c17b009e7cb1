"""Which Pulumi engine runs the program: the one on PATH, the official release, or a built one.

A usable engine is four files (PARTS). The official release has all of them; so does what
`gobuild` makes where only package registries can be reached.
"""

import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path

from tools import ToolError, cache
from tools.lock import locked
from tools.progress import Progress

# The engine that is fetched or built, and the oldest one on PATH that is accepted. Both are the
# version of the SDK in requirements.in: CLI, language host and SDK are released together, and an
# engine older than the SDK may lack what the SDK calls. Versions stay compatible within a major.
VERSION = "3.255.0"

PARTS = (
    "pulumi",
    "pulumi-language-python",  # runs a Python program
    "pulumi-language-python-exec",  # the script by which it does
    "pulumi-resource-pulumi-python",  # dynamic resources
)

Version = tuple[int, int, int]


def ensure(env: Mapping[str, str], progress: Progress) -> Path:
    """The folder of a usable engine, which is put into the cache first if there is none."""
    if found := find(env):
        return found
    if theirs := shutil.which("pulumi", path=env.get("PATH", os.defpath)):
        progress.say(f"{theirs} is older than {VERSION} or lacks its Python host: not used")
    target = cached_bin(env)
    lock = target.parent.parent / f"pulumi-{VERSION}.lock"
    with locked(lock, f"installing pulumi {VERSION}", progress):
        if not _complete(target):  # another checkout may just have put it there
            _install(target, env, progress)
    return target


def find(env: Mapping[str, str]) -> Path | None:
    """The folder of a usable engine on PATH or in the cache, if there is one."""
    ours = cached_bin(env)
    on_path = _on_path(env, ours)
    return on_path or (ours if _complete(ours) else None)


def cached_bin(env: Mapping[str, str]) -> Path:
    """Where this version's engine is kept for all checkouts of this user."""
    return cache.cache(env) / "toolchain" / f"pulumi-{VERSION}" / "bin"


def parse(text: str) -> Version | None:
    """`v3.255.0` or `3.256.0-alpha.1+dirty` as numbers; None for anything else."""
    match = re.match(r"v?(\d+)\.(\d+)\.(\d+)", text.strip())
    return (int(match[1]), int(match[2]), int(match[3])) if match else None


def recent_enough(version: Version | None) -> bool:
    """Of the same major version and not older than the SDK."""
    wanted = parse(VERSION)
    assert wanted is not None
    return version is not None and version[0] == wanted[0] and version >= wanted


def _complete(folder: Path) -> bool:
    return all(os.access(folder / part, os.X_OK) for part in PARTS)


def _on_path(env: Mapping[str, str], ours: Path) -> Path | None:
    """The folder of the `pulumi` on PATH, if it is recent enough and has its Python parts."""
    path = env.get("PATH", os.defpath)
    command = shutil.which("pulumi", path=path)
    if command is None or Path(command).parent == ours:
        return None
    folder = Path(os.path.realpath(command)).parent  # where the engine itself looks for its parts
    beside = f"{folder}{os.pathsep}{path}"
    if not all(shutil.which(part, path=beside) for part in PARTS):
        return None
    return folder if recent_enough(_remembered_version(Path(command), env)) else None


def _remembered_version(command: Path, env: Mapping[str, str]) -> Version | None:
    """The version of the `pulumi` on PATH, asked once: starting it takes 0.2 s each time."""
    status = command.stat()
    key = f"{os.path.realpath(command)} {status.st_size} {status.st_mtime_ns} "
    memory = cache.cache(env) / "pulumi-on-path"
    try:
        known = memory.read_text()
    except OSError:
        known = ""
    if known.startswith(key):
        return parse(known.removeprefix(key))
    if version := asked_version(command):
        memory.parent.mkdir(parents=True, exist_ok=True)
        memory.write_text(key + ".".join(map(str, version)))
    return version


def asked_version(command: Path) -> Version | None:
    """What `pulumi version` answers; None if it does not answer with a version."""
    try:
        answer = subprocess.run(
            (command, "version"),
            env={**os.environ, "PULUMI_SKIP_UPDATE_CHECK": "1"},
            capture_output=True,
            text=True,
            timeout=30,
            check=True,
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return parse(answer.stdout)


def _install(target: Path, env: Mapping[str, str], progress: Progress) -> None:
    """Make the engine beside its place and move it there whole, so that no half of it is used."""
    home = target.parent
    home.parent.mkdir(parents=True, exist_ok=True)
    work = Path(tempfile.mkdtemp(prefix=f"{home.name}.partial-", dir=home.parent))
    try:
        bin_ = work / "bin"
        bin_.mkdir()
        _obtain(bin_, env, progress)
        if asked_version(bin_ / "pulumi") != parse(VERSION):
            raise ToolError(f"the pulumi just installed does not say that it is {VERSION}")
        work.chmod(0o755)
        shutil.rmtree(home, ignore_errors=True)  # incomplete, or there would be nothing to do
        work.rename(home)
    finally:
        # Last, since the compiler of a run that was killed goes on for a while.
        for rest in home.parent.glob(f"{home.name}.partial-*"):
            shutil.rmtree(rest, ignore_errors=True)
    progress.say(f"pulumi {VERSION} is in {target}")


def _obtain(bin_: Path, env: Mapping[str, str], progress: Progress) -> None:
    # Imported here because an HTTP client takes longer to import than a run with nothing to do.
    from tools import gobuild, release

    try:
        release.fetch(VERSION, PARTS, bin_, progress)
    except release.ReleaseError as reason:
        progress.say(f"the release of pulumi {VERSION} is not to be had ({reason}): building it")
        for part in bin_.iterdir():
            part.unlink()
        gobuild.build(VERSION, bin_, env, progress)
