"""A libvirtd for each module, and the image that its routers boot."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.real_libvirt import daemon
from tests.real_libvirt.lab import Lab
from tests.router_image.build import build
from tests.router_image.build import lacks as image_lacks


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """A stack that is not up yet. Whatever it makes ends with its libvirtd."""
    if lacks := [*daemon.lacks(), *image_lacks()]:
        pytest.skip(f"no real libvirt: {', '.join(lacks)}")
    image = build()
    folder = tmp_path_factory.mktemp("libvirt")
    with daemon.running(folder) as machines:
        made = folder / "stack"
        made.mkdir()
        with Lab.opened(made, machines, image) as opened:
            yield opened
