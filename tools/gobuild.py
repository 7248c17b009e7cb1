"""Go programs from their modules: Pulumi, its plugin for libvirt, and the judges of the tests.

Pulumi is built where package registries can be reached and its release page cannot. `engine/cli`
and `engine/host` pin every module and its checksum, so that a build resolves nothing anew. Two
modules, because the language host is one of v3.60.0, the last whose module a proxy serves, and
must not be lifted to the CLI's dependencies. The CLI's go.mod repeats pkg's own replacement of the
clipboard module: replacements count only in the module that is built.
"""

import json
import os
import re
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from tools import ToolError, cache
from tools.lock import locked
from tools.progress import Progress
from tools.run import Command, run

MODULES = Path(__file__).resolve().parent / "engine"
SDK = "github.com/pulumi/pulumi/sdk/v3"
SCRIPTS = ("python/cmd/pulumi-language-python-exec", "python/dist/pulumi-resource-pulumi-python")
LIMIT = 2700.0  # seconds; about 180 were measured for the CLI on two cores
_TAGS = "osusergo,grpcnotrace"  # those of Pulumi's official build; others do not know them
_STRIPPED = "-s -w"


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


@dataclass(frozen=True)
class Program:
    """A program of this repository's own: the main package in `source`, with its go.mod and go.sum.

    `what` it is called in messages. It is kept in the cache's folder `kind`.
    """

    name: str
    source: Path
    kind: str
    what: str
    limit: float

    def built(self, env: Mapping[str, str]) -> Path:
        """The program, built unless these sources were before. Once for all who ask at a time."""
        kept = cache.cache(env) / self.kind
        target = kept / _digest(self.source) / self.name
        if not target.exists():
            progress = Progress()
            # One lock for all of a kind: two builds at a time would only take each other's cores.
            with locked(kept / "lock", f"building {self.what}", progress):
                if not target.exists():  # another process may just have put it there
                    self._build(target, env, progress)
        return target

    def _build(self, target: Path, env: Mapping[str, str], progress: Progress) -> None:
        """Build beside the target and rename, so that nobody ever runs half a program."""
        go = _go(env)
        if go is None:
            raise ToolError(
                f"{self.what} is built with Go, which is not on PATH: install Go "
                f"{oldest_go(self.source)} or newer (https://go.dev/dl/) and run this again"
            )
        target.parent.mkdir(parents=True, exist_ok=True)
        partial = target.with_suffix(".partial")  # the lock's holder is alone with it
        options = ("-trimpath", "-buildvcs=false", "-tags", _TAGS, f"-ldflags={_STRIPPED}")
        arguments = (go, "build", *options, "-o", str(partial), ".")
        doing = f"building {self.what}"
        progress.say(f"{doing} (minutes, once) …")
        command = Command(doing, arguments, self.limit, self.source, environment(env))
        run(command, cache.log(env, f"{self.kind}-{self.name}"), progress)
        partial.rename(target)


def oldest_go(module: Path) -> str:
    """The oldest Go that the module's go.mod asks for; since 1.21, Go fetches a patch by itself."""
    asked = re.search(r"^go (\d+\.\d+)", (module / "go.mod").read_text(), re.MULTILINE)
    if asked is None:
        raise ToolError(f"{module}/go.mod names no Go")
    return asked[1]


def _digest(source: Path) -> str:
    """What a build depends on: go.sum pins whatever comes from elsewhere."""
    digest = sha256()
    for path in sorted(source.iterdir()):
        content = path.read_bytes()
        digest.update(f"{path.name} {len(content)}\n".encode() + content)
    return digest.hexdigest()[:16]


def find_go(env: Mapping[str, str]) -> str:
    """Go, to build the engine with."""
    go = _go(env)
    if go is None:
        raise ToolError(
            "neither the official release of Pulumi nor Go to build it can be had. "
            "Put `pulumi` on PATH (https://www.pulumi.com/docs/install/), "
            f"or Go {oldest_go(MODULES / 'cli')} or newer (https://go.dev/dl/), and run this again"
        )
    return go


def _go(env: Mapping[str, str]) -> str | None:
    """Go on PATH, or where its own installation instructions put it."""
    path = os.pathsep.join((env.get("PATH", os.defpath), "/usr/local/go/bin"))
    return shutil.which("go", path=path)


def flags(version: str) -> tuple[str, ...]:
    """The official build's tags, and a version: without one the engine calls itself a dev build."""
    stamp = f"-X {SDK}/go/common/version.Version=v{version}"
    return ("-tags", _TAGS, "-ldflags", f"{_STRIPPED} {stamp}")


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
