"""The project's virtual environment `.venv`, made from pinned and hashed requirements."""

import hashlib
import importlib.util
import os
import shutil
import sys
from pathlib import Path
from typing import Literal

from tools import cache
from tools.lock import locked
from tools.packages import Need
from tools.progress import Progress
from tools.run import Command, run

Kind = Literal["runtime", "libvirt", "dev"]

# Each kind has what those before it have: the last file is the one to install, since it includes
# the pins of the others.
KINDS: tuple[Kind, ...] = ("runtime", "libvirt", "dev")
FILES: dict[Kind, tuple[str, ...]] = {
    "runtime": ("requirements.txt",),
    "libvirt": ("requirements.txt", "requirements-libvirt.txt"),
    "dev": ("requirements.txt", "requirements-libvirt.txt", "requirements-dev.txt"),
}
STAMP = "underlay-stamp"  # written last: an environment without one is half made
LOCK = "underlay-lock"
LIMIT = 1800.0  # seconds for pip; about 60 were measured


def needs(project: Path) -> list[Need]:
    """What must be installed before an environment can be made.

    Debian keeps `ensurepip` out of its Python, in a package of its own.
    """
    made = (project / ".venv" / STAMP).exists()
    debian = sys.base_prefix == "/usr"
    if made or not debian or importlib.util.find_spec("ensurepip"):
        return []
    return [Need("python3 -m venv", "python3-venv")]


def current(project: Path, kind: Kind) -> bool:
    """Whether the environment holds exactly what the requirements of this kind ask for."""
    home = project / ".venv"
    if not (home / "bin" / "python").exists():  # also when the Python it links to is gone
        return False
    return digest(project, kind) in _stamps(home)


def ensure(project: Path, kind: Kind, progress: Progress) -> None:
    """Make the environment, or bring it up to date; nothing if it is."""
    if current(project, kind):
        return
    home = project / ".venv"
    with locked(home / LOCK, "making the virtual environment", progress):
        if current(project, kind):
            return
        if not _usable(home, project):
            _create(home, progress)
        _fill(home, project, kind, progress)


def digest(project: Path, kind: Kind) -> str:
    """One line that changes with the requirements and, as an environment cannot move, the place."""
    sha = hashlib.sha256()
    for name in FILES[kind]:
        sha.update((project / name).read_bytes())
    return f"{kind} {sha.hexdigest()} {project}"


def _stamps(home: Path) -> list[str]:
    try:
        return (home / STAMP).read_text().splitlines()
    except OSError:
        return []


def _usable(home: Path, project: Path) -> bool:
    """Whether pip can add to what is there: finished once, in this place, with a living Python."""
    made_here = any(line.endswith(f" {project}") for line in _stamps(home))
    return made_here and (home / "bin" / "python").exists()


def _create(home: Path, progress: Progress) -> None:
    progress.say(f"making the virtual environment {home} …")
    for path in home.iterdir():
        if path.name == LOCK:
            continue
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink()
    arguments = (_python(), "-m", "venv", str(home))
    log = cache.log(os.environ, "venv")
    run(Command("making the virtual environment", arguments, 300.0), log, progress)


def _fill(home: Path, project: Path, kind: Kind, progress: Progress) -> None:
    requirements = FILES[kind][-1]
    progress.say(f"installing {requirements} (about a minute) …")
    (home / STAMP).unlink(missing_ok=True)
    pip = (str(home / "bin" / "python"), "-m", "pip", "--disable-pip-version-check", "--no-input")
    arguments = (*pip, "install", "--require-hashes", "--requirement", requirements)
    doing = f"installing {requirements}"
    log = cache.log(os.environ, "pip")
    log.unlink(missing_ok=True)
    run(Command(doing, arguments, LIMIT, cwd=project), log, progress)
    kinds = KINDS[: KINDS.index(kind) + 1]
    (home / STAMP).write_text("\n".join(digest(project, each) for each in kinds) + "\n")


def _python() -> str:
    """The Python to build on: not that of an environment, which may be the one being rebuilt."""
    base: str = getattr(sys, "_base_executable", sys.executable)
    return base
