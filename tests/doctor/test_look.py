"""Looking for real: at this machine, and over SSH at a server that runs what it is told."""

import asyncio
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Thread

import asyncssh
import pytest

from doctor import libvirt
from doctor.look import UnseenError, can_look, look
from doctor.uri import way
from tests.doctor.machines import load_of

_PROBE = Path(libvirt.__file__).with_name("probe.sh")

needs_ssh = pytest.mark.skipif(shutil.which("ssh") is None, reason="ssh is not installed")


def test_this_machine_can_be_looked_at(tmp_path: Path) -> None:
    host = look(way("qemu:///system"), str(tmp_path / "not" / "yet"))
    assert host.disk_folder == str(tmp_path)
    assert 0 < host.memory_available <= host.memory_total
    assert host.disk_available > 0
    assert not (tmp_path / "not").exists()


def test_folders_that_only_their_owner_may_pass_are_found(tmp_path: Path) -> None:
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    (closed / "open").mkdir(mode=0o755)
    found = look(way("qemu:///system"), f"{closed}/open/pool").closed_folders
    assert str(closed) in found
    assert f"{closed}/open" not in found


def test_a_folder_with_spaces_and_quotes_is_a_folder(tmp_path: Path) -> None:
    odd = tmp_path / "a 'b\" $c"
    odd.mkdir()
    assert look(way("qemu:///system"), str(odd)).disk_folder == str(odd)


@pytest.mark.skipif(shutil.which("shellcheck") is None, reason="shellcheck is not installed")
def test_the_probe_is_plain_shell() -> None:
    done = subprocess.run(("shellcheck", "--shell=sh", str(_PROBE)), capture_output=True, text=True)
    assert done.stdout == ""


@contextmanager
def serving(folder: Path) -> Iterator[str]:
    """An SSH server on loopback that runs commands here; the URI that leads to it."""
    host_key, own = (asyncssh.generate_private_key("ssh-ed25519") for _ in range(2))
    own.write_private_key(folder / "key")
    (folder / "key").chmod(0o600)  # or ssh does not take it
    own.write_public_key(folder / "authorized_keys")
    loop = asyncio.new_event_loop()

    async def run(process: "asyncssh.SSHServerProcess[bytes]") -> None:
        here = await asyncio.create_subprocess_shell(
            process.command or "true",
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        out, err = await here.communicate(await process.stdin.read())
        process.stdout.write(out)
        process.stderr.write(err)
        process.exit(here.returncode or 0)

    async def start() -> asyncssh.SSHAcceptor:
        return await asyncssh.listen(
            "127.0.0.1",
            0,
            server_host_keys=[host_key],
            authorized_client_keys=str(folder / "authorized_keys"),
            process_factory=run,
            encoding=None,
        )

    server = loop.run_until_complete(start())
    thread = Thread(target=loop.run_forever)
    thread.start()
    port = server.get_port()
    known = f"[127.0.0.1]:{port} {host_key.export_public_key().decode()}"
    (folder / "known_hosts").write_text(known)
    keys = f"keyfile={folder}/key&knownhosts={folder}/known_hosts"
    try:
        yield f"qemu+ssh://me@127.0.0.1:{port}/system?{keys}"
    finally:
        loop.call_soon_threadsafe(server.close)
        asyncio.run_coroutine_threadsafe(server.wait_closed(), loop).result(10)
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


@needs_ssh
def test_another_host_is_looked_at_by_ssh(tmp_path: Path) -> None:
    with serving(tmp_path) as uri:
        there = look(way(uri), f"{tmp_path}/not yet")
        assert there.machine == "127.0.0.1"
        assert there.disk_folder == str(tmp_path)
        checks = list(libvirt.of_host(load_of(uri=uri, type="qemu")))
    assert [check.name.split()[0] for check in checks] == [
        *("libvirt", "KVM", "memory", "pool", "networks", "ranges")
    ]


@needs_ssh
def test_a_host_that_does_not_let_us_in_is_said_with_its_own_words(tmp_path: Path) -> None:
    with serving(tmp_path) as uri:
        (tmp_path / "known_hosts").write_text("")
        with pytest.raises(UnseenError, match="Host key verification failed"):
            look(way(uri), "/srv")
        checks = list(libvirt.of_host(load_of(uri=uri)))
    (finding,) = checks[-1].findings
    assert "127.0.0.1 cannot be looked at by SSH: Host key verification failed" in finding.text


def test_with_tls_there_is_nothing_to_look_with() -> None:
    assert not can_look(way("qemu://fra/system"))
    assert not can_look(way("qemu+tcp://fra/system"))
