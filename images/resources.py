"""The images as the program declares them: their inputs, and nothing else."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pulumi
from pulumi.dynamic import Resource

from config.images import OpenWrtImage, TalosImage
from images.providers import RouterImageProvider, TalosBootProvider

#: What starts BIRD at boot where the image does not: its init script says START=70.
START_BIRD = {"/etc/rc.d/S70bird": "../init.d/bird"}

_LOCAL = ("kernel", "initrd", "root", "initramfs", "iso")


@dataclass(frozen=True, slots=True)
class RouterImageArgs:
    """An image, and the day-0 files that go into it: text by absolute path.

    `modes` are those of files that are not 0644; `links` are symbolic links by their path.
    """

    image: OpenWrtImage
    files: Mapping[str, pulumi.Input[str]]
    modes: Mapping[str, int] = field(default_factory=dict)
    links: Mapping[str, str] = field(default_factory=lambda: dict(START_BIRD))


class RouterImage(Resource, module="images", name="RouterImage"):
    """What one router boots. Its deletion removes the root that was built, not the downloads.

    A change of the image or of a file replaces it, since a router's root is never written to again.
    """

    kernel_path: pulumi.Output[str]
    root_path: pulumi.Output[str]
    #: Only where the image names an initrd.
    initrd_path: pulumi.Output[str | None]

    def __init__(
        self, name: str, *, args: RouterImageArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        outputs = {"kernel_path": None, "root_path": None, "initrd_path": None}
        inputs: dict[str, object] = {
            # Two stacks with one plan must not remove each other's files.
            "stack": f"{pulumi.get_project()}-{pulumi.get_stack()}",
            "name": name,
            "image": _described(args.image),
            "files": dict(args.files),
            "modes": dict(args.modes),
            "links": dict(args.links),
        }
        super().__init__(RouterImageProvider(), name, inputs | outputs, opts)


class TalosBoot(Resource, module="images", name="TalosBoot"):
    """What all nodes boot: kernel and initramfs, or an ISO. Its deletion removes nothing."""

    kernel_path: pulumi.Output[str]
    initramfs_path: pulumi.Output[str]
    #: Only where the image says `boot: iso`; the other two are then empty.
    iso_path: pulumi.Output[str | None]

    def __init__(
        self, name: str, *, image: TalosImage, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        outputs = {"kernel_path": None, "initramfs_path": None, "iso_path": None}
        inputs: dict[str, object] = {"image": _described(image)}
        super().__init__(TalosBootProvider(), name, inputs | outputs, opts)


def _described(image: OpenWrtImage | TalosImage) -> dict[str, Any]:
    """As the engine takes it. Local files are found from the folder that the program runs in."""
    described = image.model_dump(mode="json", exclude_none=True)
    for key in _LOCAL:
        if key in described:
            described[key] = _absolute(described[key])
    if "extra_packages" in described:
        described["extra_packages"] = [_absolute(path) for path in described["extra_packages"]]
    return described


def _absolute(path: str) -> str:
    return os.path.abspath(os.path.expanduser(path))  # noqa: PTH100, PTH111 — no look at the disk
