"""A small initrd: the disk's driver, then the root. Debian's kernel has virtio as modules."""

from __future__ import annotations

import gzip
from collections.abc import Mapping, Sequence
from pathlib import Path

_INIT = """#!/busybox sh
/busybox mount -t devtmpfs dev /dev
for module in {modules}; do /busybox insmod "/modules/$module.ko"; done
until [ -b /dev/vda ]; do /busybox usleep 20000; done
/busybox mount -t ext4 /dev/vda /root
/busybox mount --move /dev /root/dev
exec /busybox switch_root /root /sbin/init
"""


def write(path: Path, busybox: Path, modules: Mapping[str, Path], order: Sequence[str]) -> None:
    """Write the initrd. Modules are loaded in the given order."""
    files = {
        "init": (_INIT.format(modules=" ".join(order)).encode(), 0o755),
        "busybox": (busybox.read_bytes(), 0o755),
        **{f"modules/{name}.ko": (modules[name].read_bytes(), 0o644) for name in order},
    }
    folders = ("dev", "modules", "root")
    archive = b"".join(
        [
            *(_entry(name, b"", 0o040755, number) for number, name in enumerate(folders, 1)),
            *(
                _entry(name, data, 0o100000 | mode, number)
                for number, (name, (data, mode)) in enumerate(files.items(), 10)
            ),
            _entry("TRAILER!!!", b"", 0, 0),
        ]
    )
    path.write_bytes(gzip.compress(archive, compresslevel=6, mtime=0))


def _entry(name: str, data: bytes, mode: int, inode: int) -> bytes:
    """One file in the kernel's format "newc" (Documentation/driver-api/early-userspace)."""
    encoded = name.encode() + b"\0"
    fields = (inode, mode, 0, 0, 1, 0, len(data), 0, 0, 0, 0, len(encoded), 0)
    header = b"070701" + b"".join(b"%08x" % field for field in fields) + encoded
    return _aligned(header) + _aligned(data)


def _aligned(data: bytes) -> bytes:
    return data + bytes(-len(data) % 4)
