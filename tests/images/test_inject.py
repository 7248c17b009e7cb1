import shutil
import subprocess
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from images import e2fs, inject
from images.errors import ImageError
from images.inject import Content
from tests.images import ext4


@pytest.fixture
def image(pristine: Path, tmp_path: Path) -> Path:
    return Path(shutil.copyfile(pristine, tmp_path / "root.ext4"))


@pytest.fixture
def drafts(tmp_path: Path) -> Path:
    (tmp_path / "drafts").mkdir()
    return tmp_path / "drafts"


def test_files_folders_modes_and_links(image: Path, drafts: Path) -> None:
    content = Content(
        files={
            "/etc/config/network": b"config interface\n",  # replaces an empty one
            "/etc/dropbear/authorized_keys": b"ssh-ed25519 AAAA\n",
            "/etc/uci-defaults/10-underlay": b"exit 0\n",
            "/empty": b"",
        },
        modes={"/etc/dropbear/authorized_keys": 0o600, "/etc/uci-defaults/10-underlay": 0o4755},
        links={"/etc/rc.d/S70bird": "../init.d/bird"},
    )
    inject.inject(image, content, drafts)
    inject.inject(image, content, drafts)  # and over itself
    entries = e2fs.look(image, ["/etc/dropbear", *content.files, *content.links])
    assert entries["/etc/dropbear"] == e2fs.Entry("directory", 0o755, 0, 0)
    assert entries["/etc/dropbear/authorized_keys"] == e2fs.Entry("regular", 0o600, 0, 0)
    assert entries["/etc/uci-defaults/10-underlay"].mode == 0o4755
    assert entries["/etc/rc.d/S70bird"].target == "../init.d/bird"
    assert inject.differences(image, content, drafts) == []
    assert e2fs.check(image) == ""


def test_a_large_file(image: Path, drafts: Path) -> None:
    data = bytes(range(256)) * 4096
    inject.inject(image, Content({"/root/large": data}), drafts)
    assert inject.differences(image, Content({"/root/large": data}), drafts) == []


def test_what_differs_is_named(image: Path, drafts: Path) -> None:
    inject.inject(image, Content({"/a": b"1", "/b": b"2"}, links={"/l": "a"}), drafts)
    wanted = Content({"/a": b"other", "/b": b"2", "/c": b""}, {"/b": 0o600}, {"/l": "b"})
    assert inject.differences(image, wanted, drafts) == [
        "/a has other content",
        "/b is a regular of mode 644",
        "/c is missing",
        "/l does not lead to b",
    ]


def test_files_that_do_not_fit(image: Path, drafts: Path) -> None:
    with pytest.raises(ImageError, match=r"do not fit into the image .*larger `root_size_mb`"):
        inject.inject(image, Content({"/large": b"x" * (16 << 20)}), drafts)


def test_growing_makes_room(image: Path, drafts: Path) -> None:
    e2fs.grow(image, 32 << 20)
    e2fs.grow(image, 16 << 20)  # it never shrinks
    assert image.stat().st_size == 32 << 20
    inject.inject(image, Content({"/large": b"x" * (16 << 20)}), drafts)


def test_a_folder_is_not_overwritten_and_a_link_not_followed(image: Path, drafts: Path) -> None:
    with pytest.raises(ImageError, match="/etc/config is a folder"):
        inject.inject(image, Content({"/etc/config": b""}), drafts)
    with pytest.raises(ImageError, match="/var is a symlink in the image"):
        inject.inject(image, Content({"/var/log/x": b""}), drafts)
    with pytest.raises(ImageError, match=r"/etc/init\.d/bird is a regular in the image"):
        inject.inject(image, Content({"/etc/init.d/bird/x": b""}), drafts)


def test_a_damaged_file_system_is_refused(image: Path, drafts: Path) -> None:
    subprocess.run(
        [e2fs._which("debugfs") or "debugfs", "-w", "-R", "sif /usr/sbin links_count 7", image],
        check=True,
        capture_output=True,
    )
    with pytest.raises(ImageError, match=r"file system is damaged.*e2fsck -f"):
        inject.inject(image, Content({"/a": b""}), drafts)


@pytest.mark.parametrize(
    ("head", "words"),
    [
        (b"hsqs", "a squashfs: take the file"),
        (b"\x1f\x8b", "a gzip inside a gzip"),
        (b"\xfd7zXZ", "an xz"),
        (b"QFI\xfb", "a qcow2"),
        (bytes(510) + b"\x55\xaa", "a whole disk: take the file"),
        (b"", "no ext4 file system: take"),
    ],
)
def test_other_kinds_of_images_get_a_sentence(tmp_path: Path, head: bytes, words: str) -> None:
    other = tmp_path / "other"
    other.write_bytes(head + bytes(4096))
    with pytest.raises(ImageError, match=words):
        e2fs.require_ext4(other, "the root")


@pytest.mark.parametrize(
    "path", ["etc/x", "/", "/etc/", "/etc//x", "/etc/../x", "/a\nb", "/a\0b", f"/{'x' * 256}"]
)
def test_paths_that_will_not_do(path: str) -> None:
    with pytest.raises(ImageError):
        Content({path: b""})


@pytest.mark.parametrize(
    "content",
    [
        {"files": {"/a": b""}, "modes": {"/b": 0o644}},
        {"files": {"/a": b""}, "modes": {"/a": 0o10000}},
        {"files": {"/a": b""}, "links": {"/a": "b"}},
        {"files": {}, "links": {"/a": "b" * 60}},
        {"files": {}, "links": {"/a": ""}},
    ],
)
def test_content_that_makes_no_sense(content: dict[str, object]) -> None:
    with pytest.raises(ImageError):
        Content(**content)  # type: ignore[arg-type]


def test_missing_programs_are_named_with_their_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(e2fs, "_which", lambda name: None if name == "resize2fs" else name)
    with pytest.raises(ImageError, match=r"missing on this machine: resize2fs\..*e2fsprogs"):
        e2fs.require_programs()


_NAME = st.text(
    st.characters(min_codepoint=32, exclude_characters="/\x7f", exclude_categories=["Cs", "Cc"]),
    min_size=1,
    max_size=40,
).filter(lambda name: name not in (".", "..") and len(name.encode()) < 200)
_PATH = st.lists(_NAME, min_size=1, max_size=3).map(lambda parts: "/x/" + "/".join(parts))


@settings(
    max_examples=40,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(
    files=st.dictionaries(_PATH, st.binary(max_size=5000), min_size=1, max_size=4),
    mode=st.integers(0, 0o7777),
    target=st.text(st.sampled_from("abc/.\"' <>"), min_size=1, max_size=20),
)
def test_what_is_written_is_what_is_read(
    pristine: Path, tmp_path_factory: pytest.TempPathFactory, files: dict[str, bytes],
    mode: int, target: str,
) -> None:  # fmt: skip
    folders = {str(parent) for path in files for parent in Path(path).parents}
    files = {path: data for path, data in files.items() if path not in folders}
    folder = tmp_path_factory.mktemp("property")
    image = Path(shutil.copyfile(pristine, folder / "root.ext4"))
    content = Content(files, dict.fromkeys(files, mode), {"/x-link": target})
    inject.inject(image, content, folder)
    assert inject.differences(image, content, folder) == []
    assert e2fs.check(image) == ""
    shutil.rmtree(folder)


def test_the_images_of_these_tests_are_ext4(tmp_path: Path) -> None:
    e2fs.require_ext4(ext4.make(tmp_path / "one.ext4"), "the root")
