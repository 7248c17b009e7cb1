"""The commands of this package."""

import argparse
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import NoReturn

from tools import ToolError, packages, pulumi, rootless, venv
from tools.mend import mend
from tools.progress import Progress

PROJECT = Path(__file__).resolve().parent.parent


def install(kind: venv.Kind) -> None:
    """Bring the machine to where the program can run. What can fail soonest goes first."""
    progress = Progress()
    host = packages.Host.this()
    more = packages.missing_for_tests(host) if kind == "dev" else []
    packages.ensure(host, progress, [*venv.needs(PROJECT), *more])
    venv.ensure(PROJECT, kind, progress)
    pulumi.ensure(os.environ, progress)


def search_path() -> str:
    """The folders that go first on PATH, so that both `python3` and `pulumi` are the right ones."""
    found = pulumi.find(os.environ) or pulumi.cached_bin(os.environ)
    return os.pathsep.join((str(PROJECT / ".venv" / "bin"), str(found)))


def main(arguments: list[str]) -> int:
    """Run one command; every error is one message and exit status 1."""
    parser = argparse.ArgumentParser(prog="python3 -m tools")
    commands = parser.add_subparsers(dest="command", required=True)
    installs = commands.add_parser("install", help="install whatever is missing; silent if nothing")
    for kind, whom in (("libvirt", "stacks on libvirt"), ("dev", "tests and linters")):
        installs.add_argument(
            f"--{kind}",
            dest="kind",
            action="store_const",
            const=kind,
            default="runtime",
            help=f"with what {whom} need",
        )
    commands.add_parser("path", help="print the folders that go first on PATH")
    enters = commands.add_parser("rootless", help="run a command as root of user namespaces")
    enters.add_argument("words", nargs=argparse.REMAINDER)
    mends = commands.add_parser("mend", help="put the state right after a run that was killed")
    mends.add_argument("--stack", required=True)
    mends.add_argument("--repeatable", action="store_true", help="creations may be done again")
    chosen = parser.parse_args(arguments)
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _stop)
    try:
        if chosen.command == "path":
            print(search_path())
        elif chosen.command == "rootless":
            return rootless.run(chosen.words)
        elif chosen.command == "mend":
            mend(chosen.stack, PROJECT, repeatable=chosen.repeatable, environ=os.environ)
        else:
            install(chosen.kind)
    except (ToolError, OSError, subprocess.SubprocessError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("interrupted; run it again to go on", file=sys.stderr)
        return 130
    return 0


def _stop(number: int, _frame: object) -> NoReturn:
    """Turn a signal into an exception, so that every clean-up on the way out still runs."""
    raise SystemExit(128 + number)
