"""The one way in which an image that cannot be had is reported."""

from __future__ import annotations

import errno
from pathlib import Path


class ImageError(RuntimeError):
    """An image cannot be had or made. Its message names the image and the remedy."""


def of_disk(error: OSError, path: Path) -> ImageError:
    """What the operating system says about a file, with what to do about it."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return ImageError(
            f"no space left for {path}: free some, or set XDG_CACHE_HOME to a folder with more room"
        )
    if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        return ImageError(
            f"{path} is not accessible ({error.strerror}): give this user the right to it, or set "
            "XDG_CACHE_HOME to a folder of the user's own"
        )
    return ImageError(f"{path}: {error.strerror or error}: see to that and run this again")
