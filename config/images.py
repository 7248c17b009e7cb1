"""Which images the machines boot: releases and their checksums, or files of one's own.

Nothing here looks at a file or at the network: that is for `images`, when the images are made.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, ValidationInfo, field_validator

from config.scalars import refusal
from config.strict import Strict

#: OpenWrt's branches that the router's files are written for.
BRANCHES = ("24.10", "25.12")

#: The ending of a package's file: opkg until 24.10, apk since 25.12.
PACKAGE_ENDINGS = {"24.10": ".ipk", "25.12": ".apk"}

#: Talos with the extension siderolabs/qemu-guest-agent. A schematic's id is the SHA-256 of its
#: canonical YAML (README of siderolabs/image-factory), so it means the same for everybody.
WITH_GUEST_AGENT = "ce4c980550dd2ab1b17bbf2b08801c7eb59418eafe8f279833297925d67c7515"

_SHA256 = re.compile(r"[0-9a-f]{64}")
_RELEASE = re.compile(r"(\d\d\.\d\d)\.\d+(-rc\d+)?")
_TALOS = re.compile(r"v1\.\d+\.\d+(-(alpha|beta|rc)\.\d+)?")
_URL = re.compile(r"https?://([\w.-]+|\[[0-9A-Fa-f:.]+\])(:\d{1,5})?(/[^\s?#]*)?", re.ASCII)
# What the build service takes for a name and a version (openwrt/asu, build_request.py).
_PACKAGE = re.compile(r"[\w.-]+(=[\w.+~-]+)?", re.ASCII)


def _sha256(value: str) -> str:
    lower = value.strip().lower()
    if not _SHA256.fullmatch(lower):
        raise refusal("is not a SHA-256", "write its 64 hexadecimal digits, as sha256sum prints")
    return lower


def _schematic(value: str) -> str:
    if not _SHA256.fullmatch(value):
        raise refusal("is not a schematic's id", "copy its 64 digits from factory.talos.dev")
    return value


def _file(value: Path) -> Path:
    if not value.name or "\n" in str(value) or "\0" in str(value):
        raise refusal("is not a file's path", "write the path of a file")
    return value


def _release(value: str) -> str:
    found = _RELEASE.fullmatch(value)
    if not found:
        raise refusal("is not a release of OpenWrt", "write one such as 25.12.5 or 24.10.6")
    if found[1] not in BRANCHES:
        raise refusal("is of a branch that is not supported", f"use {' or '.join(BRANCHES)}")
    return value


def _talos(value: str) -> str:
    if not _TALOS.fullmatch(value):
        raise refusal("is not a version of Talos", "write one such as v1.13.9")
    return value


def _package(value: str) -> str:
    if not _PACKAGE.fullmatch(value):
        raise refusal("is not a package", "write its name, or name=version to pin it")
    return value


def _url(value: str) -> str:
    if not _URL.fullmatch(value):
        raise refusal("is not an address", "write one that begins with https://")
    return value.rstrip("/")


Sha256 = Annotated[str, AfterValidator(_sha256)]
LocalFile = Annotated[Path, AfterValidator(_file)]
PackageName = Annotated[str, AfterValidator(_package)]
Url = Annotated[str, AfterValidator(_url)]


class OpenWrtImage(Strict):
    """What routers boot: a kernel and an ext4 root file system that has the packages.

    Each of `kernel` and `root` is a local file if given. Otherwise the kernel is the release's own
    and the root is made to order by OpenWrt's build service. The checksums are those of the files
    as they are downloaded or lie there, so `root_sha256` is that of the `.img.gz`.
    """

    release: Annotated[str, AfterValidator(_release)] = "25.12.5"
    target: Literal["x86/64"] = "x86/64"
    packages: tuple[PackageName, ...] = ("bird2", "bird2c", "ip-full", "keepalived", "qemu-ga")

    kernel: LocalFile | None = None
    kernel_sha256: Sha256 | None = None
    root: LocalFile | None = None
    root_sha256: Sha256 | None = None
    #: For a kernel whose disk driver is a module. OpenWrt's has it built in.
    initrd: LocalFile | None = None
    #: Packages' files, installed without a network when the router boots for the first time.
    extra_packages: tuple[LocalFile, ...] = ()

    root_size_mb: int | None = Field(default=None, ge=64, le=16384)
    downloads: Url = "https://downloads.openwrt.org"
    build_service: Url = "https://sysupgrade.openwrt.org"

    @property
    def local_files(self) -> list[Path]:
        """The files of the user's own."""
        return [path for path in (self.kernel, self.initrd, self.root) if path] + [
            *self.extra_packages
        ]

    def having(self, *packages: str) -> OpenWrtImage:
        """The same image with these packages in it, pinned or not if they are in it already."""
        there = {package.partition("=")[0] for package in self.packages}
        more = tuple(package for package in packages if package not in there)
        return self.model_copy(update={"packages": (*self.packages, *more)})

    @property
    def branch(self) -> str:
        """The branch of the release, such as 25.12."""
        return self.release[:5]

    @field_validator("packages")
    @classmethod
    def _packages_once(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        names = [package.partition("=")[0] for package in value]
        if twice := sorted({name for name in names if names.count(name) > 1}):
            raise refusal(f"names {', '.join(twice)} twice", "name each package once")
        return value

    @field_validator("extra_packages")
    @classmethod
    def _packages_of_branch(cls, value: tuple[Path, ...], info: ValidationInfo) -> tuple[Path, ...]:
        branch = str(info.data.get("release", ""))[:5]
        ending = PACKAGE_ENDINGS.get(branch)
        for path in value:
            if ending and path.suffix != ending:
                raise refusal(
                    f"has {path.name}, which OpenWrt {branch} cannot install",
                    f"give files that end with {ending}",
                )
        return value


class TalosImage(Strict):
    """What nodes boot: kernel and initramfs from the image factory, or an ISO, or local files.

    The factory publishes no checksums: without pins, what guards a download is TLS, and its
    SHA-256 is printed so that it can be pinned.
    """

    version: Annotated[str, AfterValidator(_talos)] = "v1.13.9"
    schematic: Annotated[str, AfterValidator(_schematic)] = WITH_GUEST_AGENT
    boot: Literal["kernel", "iso"] = "kernel"

    kernel: LocalFile | None = None
    kernel_sha256: Sha256 | None = None
    initramfs: LocalFile | None = Field(default=None, validate_default=True)
    initramfs_sha256: Sha256 | None = None
    iso: LocalFile | None = None
    iso_sha256: Sha256 | None = None

    factory: Url = "https://factory.talos.dev"

    @property
    def local_files(self) -> list[Path]:
        """The files of the user's own."""
        return [path for path in (self.kernel, self.initramfs, self.iso) if path]

    @field_validator("initramfs")
    @classmethod
    def _both_halves(cls, value: Path | None, info: ValidationInfo) -> Path | None:
        if (value is None) != (info.data.get("kernel") is None):
            raise refusal(
                "and kernel are two halves of one build", "give both as local files, or neither"
            )
        return value

    @field_validator("iso")
    @classmethod
    def _iso_is_booted(cls, value: Path | None, info: ValidationInfo) -> Path | None:
        if value is not None and info.data.get("boot") == "kernel":
            raise refusal("would not be booted", "add boot: iso")
        return value
