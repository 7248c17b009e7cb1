"""What a change is made of, without a router."""

import io
import shutil
import subprocess
import tarfile
from pathlib import Path

import pulumi
import pytest

from config.load import load
from config.plan import make_plan
from day1 import script
from day1.bundle import difference, unpack
from day1.providers import RouterFilesProvider
from day1.secrecy import without_secrets
from day1.services import Service, reader, readers
from day1.ssh import Address
from render.artifacts import render

FILES = {"/etc/bird.conf": "router id 1.1.1.1;\n", "/etc/config/dhcp": "config dnsmasq\n"}
SECRETS = {"/etc/bird-passwords.conf": 'define A = "opensesame";\n'}


def inputs(**other: object) -> dict[str, object]:
    return {
        "host": "10.0.0.1",
        "port": 22.0,
        "user": "root",
        "host_key": "ssh-ed25519 AAAA",
        "private_key": "key",
        "machine": "",
        "files": FILES,
        "secret_files": SECRETS,
        "answer_seconds": 1,
        "confirm_seconds": 1,
        **other,
    }


def test_every_file_that_is_rendered_has_a_service_that_reads_it() -> None:
    plan = make_plan(load({"datacentres": [{"routers": 2}, {}]}, {"peering": "a-password"}))
    for artifacts in render(plan).routers.values():
        for path in (*artifacts.files, *artifacts.secret_files):
            assert reader(path) is not None, path


def test_what_carries_is_reloaded_before_what_uses_it() -> None:
    paths = ("/etc/bird.conf", "/etc/config/firewall", "/etc/config/network", "/etc/bird.conf")
    assert readers(paths) == (Service.NETWORK, Service.FIREWALL, Service.BIRD)


@pytest.mark.parametrize(
    "path",
    ["etc/bird.conf", "/etc/sysctl.d/../passwd", "/etc/sysctl.d/a b", "/etc/sysctl.d/$(id)", "/"],
)
def test_a_path_that_a_shell_could_misread_is_none(path: str) -> None:
    assert reader(path) is None


def test_only_what_differs_is_installed_but_all_is_sent() -> None:
    change = difference(FILES, SECRETS, {**FILES, **SECRETS, "/etc/bird.conf": "old\n"})
    assert change is not None
    assert change.paths == ("/etc/bird.conf",)
    with tarfile.open(fileobj=io.BytesIO(change.archive(30))) as archive:
        modes = {member.name: member.mode for member in archive}
        lists = {name: archive.extractfile(name) for name in ("install", "services", "limit")}
        texts = {name: found.read() for name, found in lists.items() if found}
    assert modes == {
        **dict.fromkeys(("install", "remove", "services", "limit"), 0o644),
        "files/etc/bird.conf": 0o644,
        "files/etc/config/dhcp": 0o644,
        "files/etc/bird-passwords.conf": 0o600,
    }
    assert texts == {"install": b"/etc/bird.conf\n", "services": b"bird\n", "limit": b"30\n"}


def test_nothing_differs() -> None:
    assert difference(FILES, SECRETS, {**FILES, **SECRETS}) is None


def test_a_router_without_any_of_the_files_sends_nothing() -> None:
    assert unpack(b"") == {}


def test_quoted_words_and_lines_of_secret_files_are_hidden() -> None:
    said = 'line 1: unexpected "opensesame" in define A = "opensesame";'
    assert without_secrets(said, SECRETS.values()) == 'line 1: unexpected "[secret]" in [secret]'


def test_an_address_does_not_show_its_key() -> None:
    address = Address("10.0.0.1", "public", "very-private")
    assert "very-private" not in repr(address) + str(address)


def test_a_file_that_nobody_reads_is_refused_before_anything_is_done() -> None:
    result = RouterFilesProvider().check({}, inputs(files={"/etc/motd": ""}))
    (failure,) = result.failures
    assert failure.property == "files"
    assert "/etc/motd" in failure.reason


def test_what_is_not_known_yet_is_not_refused() -> None:
    unknown = pulumi.runtime.rpc.UNKNOWN
    assert not RouterFilesProvider().check({}, inputs(secret_files=unknown)).failures


@pytest.mark.parametrize(
    ("other", "changes"),
    [
        ({}, False),
        ({"answer_seconds": 9, "confirm_seconds": 9}, False),
        ({"files": {}}, True),
        ({"secret_files": {}}, True),
        ({"machine": "new"}, True),
        ({"host": "10.0.0.2"}, True),
    ],
)
def test_patience_alone_makes_no_change(other: dict[str, object], changes: bool) -> None:
    result = RouterFilesProvider().diff("id", inputs(), inputs(**other))
    assert result.changes is changes
    assert not result.replaces


@pytest.mark.skipif(shutil.which("shellcheck") is None, reason="shellcheck is not installed")
def test_the_routers_script_is_clean(tmp_path: Path) -> None:
    (tmp_path / "router.sh").write_bytes(script.text())
    found = subprocess.run(
        ["shellcheck", "--shell=sh", tmp_path / "router.sh"], capture_output=True, text=True
    )
    assert found.stdout == ""
