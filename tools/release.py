"""The official release of Pulumi, downloaded and checked.

Archive and checksums both come from the project's release page: what get.pulumi.com serves was
seen to differ from it (pulumi/pulumi#9416) and between regions (pulumi/docs#5507).
"""

import hashlib
import http.client
import platform
import shutil
import tarfile
import threading
import time
import urllib.request
from collections.abc import Collection
from pathlib import Path

from tools.progress import Progress
from tools.run import HEARTBEAT

PAGE = "https://github.com/pulumi/pulumi/releases/download"
ARCHITECTURES = {"x86_64": "x64", "aarch64": "arm64"}
PROBE_LIMIT = 6.0  # seconds: on a closed network this is all that the attempt costs
STALL_LIMIT = 20.0  # seconds without a byte
DOWNLOAD_LIMIT = 900.0  # seconds for the whole archive
CHUNK = 1 << 20


class ReleaseError(Exception):
    """The release cannot be had, or is not what its checksum says."""


def fetch(version: str, parts: Collection[str], into: Path, progress: Progress) -> None:
    """Put `parts` of the release into the folder `into`, or raise ReleaseError."""
    name, page = archive_name(version), f"{PAGE}/v{version}"
    sums = _probe(f"{page}/pulumi-{version}-checksums.txt")
    progress.say(f"downloading pulumi {version} …")
    archive = into.parent / name
    try:
        _download(f"{page}/{name}", archive, progress)
        check(archive, sums)
        unpack(archive, parts, into)
    except (OSError, http.client.HTTPException, tarfile.TarError, EOFError) as error:
        raise ReleaseError(_reason(error)) from error
    finally:
        archive.unlink(missing_ok=True)


def archive_name(version: str) -> str:
    """The release's file for this machine."""
    machine = platform.machine()
    if platform.system() != "Linux" or machine not in ARCHITECTURES:
        raise ReleaseError(f"none is known for {platform.system()} on {machine}")
    return f"pulumi-v{version}-linux-{ARCHITECTURES[machine]}.tar.gz"


def check(archive: Path, sums: str) -> None:
    """Compare the archive's SHA-256 with its line `<hex>  <name>` of the checksum file."""
    wanted = [line.split()[0] for line in sums.splitlines() if line.split()[1:] == [archive.name]]
    if len(wanted) != 1:
        raise ReleaseError(f"the checksum file has {len(wanted)} lines for {archive.name}")
    with archive.open("rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    if found != wanted[0].lower():
        raise ReleaseError(f"{archive.name} has SHA-256 {found}, but its release says {wanted[0]}")


def unpack(archive: Path, parts: Collection[str], into: Path) -> None:
    """Take the named files, and nothing else, out of the archive's folder `pulumi/`."""
    with tarfile.open(archive) as tar:
        for member in tar:
            part = member.name.removeprefix("./").removeprefix("pulumi/")
            if part in parts and (source := tar.extractfile(member)):
                with (into / part).open("wb") as file:
                    shutil.copyfileobj(source, file)
                (into / part).chmod(0o755)
    if missing := [part for part in parts if not (into / part).exists()]:
        raise ReleaseError(f"{archive.name} has no {', '.join(missing)}")


def _probe(url: str) -> str:
    """A small file, or ReleaseError within PROBE_LIMIT.

    In a thread, because a name server that does not answer blocks for longer than any timeout
    that can be set on a connection.
    """
    result: list[str] = []
    reason = [f"no answer within {PROBE_LIMIT:.0f} s"]

    def get() -> None:
        try:
            with urllib.request.urlopen(url, timeout=PROBE_LIMIT) as answer:
                result.append(answer.read(CHUNK).decode("ascii"))
        except (OSError, http.client.HTTPException, UnicodeDecodeError) as error:
            reason[0] = _reason(error)

    thread = threading.Thread(target=get, daemon=True)
    thread.start()
    thread.join(PROBE_LIMIT)
    if not result:
        raise ReleaseError(reason[0])
    return result[0]


def _reason(error: Exception) -> str:
    """The words inside urllib's wrapping, if there is one."""
    inner = getattr(error, "reason", None)
    return str(inner if isinstance(inner, Exception) else error)


def _download(url: str, to: Path, progress: Progress) -> None:
    start = said = time.monotonic()
    with urllib.request.urlopen(url, timeout=STALL_LIMIT) as answer, to.open("wb") as file:
        while chunk := answer.read(CHUNK):
            file.write(chunk)
            now = time.monotonic()
            if now > start + DOWNLOAD_LIMIT:
                raise ReleaseError(f"the download took more than {DOWNLOAD_LIMIT:.0f} s")
            if now > said + HEARTBEAT:
                said = now
                progress.say(f"still downloading: {file.tell() >> 20} MB so far …")
