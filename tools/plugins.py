"""Provider plugins from their Go modules, where the engine cannot download them.

Of the three that stacks on libvirt use, libvirt's is the one whose modules a proxy serves: the
provider that it wraps, and the bridge that wraps it. `engine/libvirt` joins them in a page.
"""

import os
from collections.abc import Mapping
from pathlib import Path

from tools.gobuild import MODULES, Program

LIMIT = 1800.0  # seconds; a cold build took 54 of CPU time
LIBVIRT = "pulumi-resource-libvirt"


def libvirt(env: Mapping[str, str] = os.environ) -> Path:
    """The plugin, built unless these sources were before."""
    return Program(
        name=LIBVIRT,
        source=MODULES / "libvirt",
        kind="plugins",
        what="libvirt's plugin",
        limit=LIMIT,
    ).built(env)
