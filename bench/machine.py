"""The machine that the figures were measured on, without its name."""

from __future__ import annotations

import os
import platform
import re
import shutil
import subprocess
from pathlib import Path

_LIMIT_SECONDS = 20

#: How each program is asked for its version.
_VERSIONS = {
    "Pulumi": ("pulumi", "version"),
    "BIRD": ("bird", "--version"),
    "GoBGP": ("gobgpd", "--version"),
    "iproute2": ("ip", "-Version"),
}


def facts() -> dict[str, str]:
    """Cores, memory, kernel, the versions, and how busy the machine is now."""
    found = {
        "cores": str(os.cpu_count()),
        "memory": f"{_memory_gibibytes()} GiB",
        "kernel": platform.release(),
        "Python": platform.python_version(),
    }
    found |= {name: _version(*command) for name, command in _VERSIONS.items()}
    return found


def load_average() -> float:
    """How many processes wanted to run in the last minute, ours included."""
    return os.getloadavg()[0]


def _version(program: str, option: str) -> str:
    if shutil.which(program) is None:
        return "not found"
    done = subprocess.run([program, option], capture_output=True, text=True, timeout=_LIMIT_SECONDS)
    number = re.search(r"\d+(\.\d+)+", done.stdout + done.stderr)
    return number.group() if number else "unknown"


def _memory_gibibytes() -> int:
    line = Path("/proc/meminfo").read_text().splitlines()[0]
    return int(line.split()[1]) // 1024 // 1024
