import re
from pathlib import Path

import pytest
from pydantic import ValidationError

from config.images import OpenWrtImage, TalosImage

SUM = "A" * 64


def test_the_defaults_hold() -> None:
    assert OpenWrtImage().branch == "25.12"
    assert "bird2" in OpenWrtImage().packages
    assert TalosImage().version.startswith("v1.13.")


def test_checksums_are_compared_in_lower_case() -> None:
    assert OpenWrtImage.model_validate({"kernel_sha256": SUM}).kernel_sha256 == SUM.lower()


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"release": "23.05.3"}, "of a branch that is not supported: use 24.10 or 25.12"),
        ({"release": "25.12"}, "is not a release of OpenWrt: write one such as 25.12.5"),
        ({"target": "ath79/generic"}, "Input should be 'x86/64'"),
        ({"packages": ["bird2", "bird2=2.19.2-r1"]}, "names bird2 twice: name each package once"),
        ({"packages": ["bird 2"]}, "is not a package: write its name, or name=version"),
        ({"kernel_sha256": "abc"}, "is not a SHA-256: write its 64 hexadecimal digits"),
        ({"root": ""}, "is not a file's path"),
        ({"release": "24.10.6", "extra_packages": ["/x/bird2.apk"]}, "files that end with .ipk"),
        ({"root_size_mb": 1}, "greater than or equal to 64"),
        ({"build_service": "sysupgrade.openwrt.org"}, "write one that begins with https://"),
        ({"downloads": "http://[x"}, "is not an address"),
        ({"kernal": "/x"}, "Extra inputs are not permitted"),
    ],
)  # fmt: skip
def test_openwrt_refusals(fields: dict[str, object], words: str) -> None:
    with pytest.raises(ValidationError, match=re.escape(words)):
        OpenWrtImage.model_validate(fields)


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"version": "1.13.9"}, "is not a version of Talos: write one such as v1.13.9"),
        ({"schematic": "x"}, "is not a schematic's id: copy its 64 digits"),
        ({"kernel": "/k"}, "are two halves of one build: give both as local files, or neither"),
        ({"initramfs": "/i"}, "are two halves of one build"),
        ({"iso": "/talos.iso"}, "would not be booted: add boot: iso"),
    ],
)
def test_talos_refusals(fields: dict[str, object], words: str) -> None:
    with pytest.raises(ValidationError, match=re.escape(words)):
        TalosImage.model_validate(fields)


def test_local_files() -> None:
    image = OpenWrtImage.model_validate({"kernel": "/k", "root": "r.img.gz", "initrd": "i"})
    assert (image.kernel, image.root, image.initrd) == (Path("/k"), Path("r.img.gz"), Path("i"))
    assert TalosImage.model_validate({"boot": "iso", "iso": "/talos.iso"}).iso == Path("/talos.iso")


def test_packages_that_files_need_are_added_to_those_of_the_user_once() -> None:
    image = OpenWrtImage(packages=("bird2", "uhttpd=2025.1"))
    assert image.having("uhttpd", "curl").packages == ("bird2", "uhttpd=2025.1", "curl")
    assert image.having("uhttpd") == image
