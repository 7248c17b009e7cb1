"""Pulumi from its Go modules, for machines that reach package registries but no release page.

`engine/cli` and `engine/host` pin every module and its checksum, so that a build resolves nothing
anew. Two modules, because the language host is one of v3.60.0, the last whose module a proxy
serves, and must not be lifted to the CLI's dependencies. The CLI's go.mod repeats pkg's own
replacement of the clipboard module: replacements count only in the module that is built.
"""

import json
import os
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from tools import ToolError, cache
from tools.progress import Progress
from tools.run import Command, run

MODULES = Path(__file__).resolve().parent / "engine"
SDK = "github.com/pulumi/pulumi/sdk/v3"
SCRIPTS = ("python/cmd/pulumi-language-python-exec", "python/dist/pulumi-resource-pulumi-python")
LIMIT = 2700.0  # seconds; about 180 were measured for the CLI on two cores
OLDEST_GO = "1.25"  # engine/cli/go.mod; a Go since 1.21 fetches a newer one by itself if allowed


@dataclass(frozen=True)
class Part:
    """A program to build: its name, its package, the module that pins it."""

    name: str
    package: str
    module: Path
    duration: str


PARTS = (
    # The quicker one first: whatever is wrong with Go or the network then shows soon.
    Part("pulumi-language-python", f"{SDK}/python/cmd/pulumi-language-python", MODULES / "host",
         "half a minute"),
    Part("pulumi", "github.com/pulumi/pulumi/pkg/v3/cmd/pulumi", MODULES / "cli",
         "about 4 minutes, once"),
)  # fmt: skip


def build(version: str, into: Path, env: Mapping[str, str], progress: Progress) -> None:
    """Build all parts of the engine into the folder `into`."""
    go = find_go(env)
    log = cache.log(env, "go-build")
    log.unlink(missing_ok=True)
    for part in PARTS:
        progress.say(f"building {part.name} from its Go module ({part.duration}) …")
        arguments = (go, "build", *flags(version), "-o", str(into / part.name), part.package)
        doing = f"building {part.name}"
        run(Command(doing, arguments, LIMIT, part.module, environment(env)), log, progress)
    source = _folder_of_sdk(go, env)
    for script in SCRIPTS:
        target = into / Path(script).name
        shutil.copyfile(source / script, target)
        target.chmod(0o755)


def find_go(env: Mapping[str, str]) -> str:
    """Go on PATH, or where its own installation instructions put it."""
    path = os.pathsep.join((env.get("PATH", os.defpath), "/usr/local/go/bin"))
    go = shutil.which("go", path=path)
    if go is None:
        raise ToolError(
            "neither the official release of Pulumi nor Go to build it can be had. "
            "Put `pulumi` on PATH (https://www.pulumi.com/docs/install/), "
            f"or Go {OLDEST_GO} or newer (https://go.dev/dl/), and run this again"
        )
    return go


def flags(version: str) -> tuple[str, ...]:
    """The official build's tags, and a version: without one the engine calls itself a dev build."""
    stamp = f"-X {SDK}/go/common/version.Version=v{version}"
    return ("-tags", "osusergo,grpcnotrace", "-ldflags", f"-s -w {stamp}")


def environment(env: Mapping[str, str]) -> dict[str, str]:
    """The user's environment without what would change the outcome.

    CGO_ENABLED=0 needs no C compiler; -mod=readonly refuses whatever go.sum does not know.
    """
    ours = {"CGO_ENABLED": "0", "GOFLAGS": "-mod=readonly", "GOWORK": "off", "GO111MODULE": "on"}
    theirs = {name: value for name, value in env.items() if name not in ("GOOS", "GOARCH")}
    return theirs | ours


def _folder_of_sdk(go: str, env: Mapping[str, str]) -> Path:
    """Where Go unpacked the CLI's SDK, which holds the two scripts."""
    answer = subprocess.run(
        (go, "mod", "download", "-json", SDK),  # says where, and fetches it if it is gone
        cwd=MODULES / "cli",
        env=environment(env),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    if answer.returncode != 0:
        raise ToolError(f"Go does not find the module {SDK}:\n{answer.stderr.strip()}")
    return Path(json.loads(answer.stdout)["Dir"])
