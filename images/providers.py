"""The images as Pulumi's engine drives them: check, create, diff, read, delete.

The state holds paths and digests only. What does the work is imported when there is work: the
program that merely declares an image should not wait for an HTTP client.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pulumi
from pulumi.dynamic import (
    CheckFailure,
    CheckResult,
    CreateResult,
    DiffResult,
    ReadResult,
    ResourceProvider,
)

from config.images import OpenWrtImage, TalosImage

if TYPE_CHECKING:
    from images.router import Order

# The engine's property maps are untyped by nature; this module is where they get types.
Props = dict[str, Any]


class ImageProvider(ResourceProvider):
    """What the images have in common: they are made, looked for, and never changed."""

    def identity(self, props: Props) -> str:
        """A digest of what these inputs ask for. Raises `ImageError` where a file is missing."""
        raise NotImplementedError

    def local_files(self, props: Props) -> list[Path]:
        """The files of the user's own that the image is made of."""
        raise NotImplementedError

    def check(self, _olds: Props, news: Props) -> CheckResult:
        """Refuse at the preview what could only fail later.

        The day-0 files may not be known yet, such as a key that is still to be made.
        """
        from images import store
        from images.errors import ImageError

        failures = []
        for path in self.local_files(news):
            try:
                store.of_local(path, "the image's file")
            except ImageError as error:
                failures.append(CheckFailure("image", str(error)))
        return CheckResult(news, failures)

    def diff(self, _id: str, _olds: Props, _news: Props) -> DiffResult:
        is_changed = not _is_known(_news) or _olds.get("identity") != self.identity(_news)
        return DiffResult(
            changes=is_changed,
            replaces=["image"] if is_changed else [],
            # The machine that boots the old one goes first; until then it stays.
            delete_before_replace=False,
        )

    def read(self, id_: str, props: Props) -> ReadResult:
        from images import store

        sums: dict[str, str] = props["sha256"]
        if all(store.is_intact(Path(props[key]), sha256) for key, sha256 in sums.items()):
            return ReadResult(id_, props)
        return ReadResult("", {})


class RouterImageProvider(ImageProvider):
    """Drives one router's image."""

    def identity(self, props: Props) -> str:
        return _order(props).identity()

    def local_files(self, props: Props) -> list[Path]:
        return OpenWrtImage.model_validate(props["image"]).local_files

    def create(self, props: Props) -> CreateResult:
        from images import router

        order = _order(props)
        boot = router.build(order)
        stored = {"kernel_path": boot.kernel, "root_path": boot.root, "initrd_path": boot.initrd}
        outputs = _outputs(stored) | {"identity": order.identity()}
        return CreateResult(boot.root.path.stem, outputs)

    def delete(self, _id: str, _props: Props) -> None:
        from images import router

        router.remove(Path(_props["root_path"]))


class TalosBootProvider(ImageProvider):
    """Drives what nodes boot. Downloads are shared, so they stay."""

    def identity(self, props: Props) -> str:
        from images import digests, store

        image = TalosImage.model_validate(props["image"])
        contents = [store.of_local(path, "the nodes' file") for path in image.local_files]
        asked = image.model_dump(mode="json", exclude={"kernel", "initramfs", "iso"})
        return digests.of_value([asked, contents])

    def local_files(self, props: Props) -> list[Path]:
        return TalosImage.model_validate(props["image"]).local_files

    def create(self, props: Props) -> CreateResult:
        from images import talos

        image = TalosImage.model_validate(props["image"])
        boot = talos.boot(image)
        stored = {
            "kernel_path": boot.kernel,
            "initramfs_path": boot.initramfs,
            "iso_path": boot.iso,
        }
        outputs = _outputs(stored) | {"identity": self.identity(props)}
        return CreateResult(f"talos-{image.version}-{outputs['identity'][:16]}", outputs)


def _is_known(value: object) -> bool:
    if isinstance(value, dict):
        return all(_is_known(item) for item in value.values())
    if isinstance(value, list):
        return all(_is_known(item) for item in value)
    return not isinstance(value, pulumi.output.Unknown)


def _order(props: Props) -> Order:
    from images.router import Order

    return Order(
        stack=props["stack"],
        name=props["name"],
        image=OpenWrtImage.model_validate(props["image"]),
        files=props["files"],
        modes={path: int(mode) for path, mode in props["modes"].items()},
        links=props["links"],
    )


def _outputs(stored: Props) -> Props:
    """The paths, and what the files at them are."""
    files = {key: file for key, file in stored.items() if file is not None}
    paths = {key: str(stored[key].path) if stored[key] else None for key in stored}
    return paths | {"sha256": {key: file.sha256 for key, file in files.items()}}
