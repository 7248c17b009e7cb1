"""The programs on this machine that something calls."""

from __future__ import annotations

import shutil
from collections.abc import Iterator

from doctor.finding import Check, Finding
from images import e2fs
from images.errors import ImageError


def check() -> Check:
    """Those of libvirt's plugin, and those that write into the routers' images."""
    return Check.of("programs", f"xsltproc, {', '.join(e2fs.PROGRAMS)}", _findings())


def xsltproc() -> Iterator[Finding]:
    """The one program that the plugin calls for what is declared here.

    Source: terraform-provider-libvirt 0.8, `utils_xslt.go`. Its `mkisofs` is for cloud-init disks.
    """
    if shutil.which("xsltproc") is None:
        yield Finding(
            "xsltproc is not on PATH, and libvirt's plugin calls it: install xsltproc (Debian's "
            "package) or libxslt"
        )


def _findings() -> Iterator[Finding]:
    yield from xsltproc()
    try:
        e2fs.require_programs()
    except ImageError as error:
        yield Finding(str(error))
