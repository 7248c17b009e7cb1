"""A disk that is really full: a small tmpfs in a mount namespace of its own."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.images import ext4

_PROGRAM = """
import sys
from pathlib import Path
from config.images import OpenWrtImage
from images import cache, router
from images.errors import ImageError

source = Path(sys.argv[1])
text = "".join(chr(97 + number % 26) for number in range(3_000_000))
image = OpenWrtImage(kernel=source / "kernel", root=source / "root.ext4")
try:
    router.build(router.Order("dev", "r1", image, {"/large": text}, {}, {}))
    print("built")
except ImageError as error:
    print(error)
print("left:", *(path.name for path in (cache.root() / "partial").iterdir()))
"""


@pytest.mark.skipif(
    os.geteuid() != 0
    or subprocess.run(("unshare", "-m", "true"), capture_output=True, check=False).returncode != 0,
    reason="needs root and a mount namespace",
)
@pytest.mark.parametrize(
    ("size", "words"),
    [("200K", "no space left"), ("2M", "no space left"), ("5M", "no space left"), ("16M", "built")],
)
def test_a_full_disk_is_said_and_nothing_is_left(tmp_path: Path, size: str, words: str) -> None:
    (tmp_path / "kernel").write_bytes(b"kernel")
    ext4.make(tmp_path / "root.ext4")
    (tmp_path / "program.py").write_text(_PROGRAM)
    disk = tmp_path / "disk"
    disk.mkdir()
    script = 'mount -t tmpfs -o "size=$1" tmpfs "$2" && exec "$3" "$4" "$5"'
    arguments = (size, disk, sys.executable, tmp_path / "program.py", tmp_path)
    done = subprocess.run(
        ("unshare", "-m", "sh", "-c", script, "sh", *arguments),
        env={**os.environ, "XDG_CACHE_HOME": str(disk), "PYTHONPATH": str(Path.cwd())},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert words in done.stdout
    assert done.stdout.endswith("left:\n")
