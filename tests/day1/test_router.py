"""A change on real routers: real dropbear, BIRD and nftables, with a real session between two."""

import asyncio
import os
import signal
from collections.abc import Mapping

import asyncssh
import pytest

from day1 import router, script
from day1.bundle import Change
from day1.errors import CutOffError, LoginError, RefusedError, UnreachableError
from day1.router import Limits
from day1.ssh import Address, connected
from render.artifacts import render
from tests.day1.conftest import CONFIRM, CONFIRM_SOON, Pair, planned
from tests.day1.lab import Router, eventually

pytestmark = pytest.mark.twin

BIRD, FIREWALL, NETWORK = "/etc/bird.conf", "/etc/config/firewall", "/etc/config/network"
PASSWORDS = "/etc/bird-passwords.conf"


def apply(
    pair: Pair,
    files: Mapping[str, str],
    secret_files: Mapping[str, str] | None = None,
    *,
    formerly: tuple[str, ...] = (),
    on: Address | None = None,
    confirm: int = CONFIRM,
    answer: float = 10,
) -> Change | None:
    secrets = pair.secret_files(pair.first) if secret_files is None else secret_files
    limits = Limits(answer=answer, confirm=confirm)
    address = on or pair.first.address
    with pair.lab.inside():
        return asyncio.run(router.apply(address, files, secrets, formerly, limits))


def is_clean(machine: Router) -> bool:
    left = [path.name for path in machine.file("/etc/underlay").iterdir()]
    hooks = list(machine.file("/etc/uci-defaults").glob("*"))
    return not hooks and sorted(left) == ["script.sh", "state"]


def test_what_is_there_already_is_left_alone(pair: Pair) -> None:
    assert apply(pair, pair.files(pair.first)) is None
    assert pair.first.calls() == []


def test_a_further_datacentre_lands_without_dropping_a_session(pair: Pair) -> None:
    session, bird = pair.first.session(), pair.first.bird()
    wider = planned(datacentres=3)
    files = render(wider).routers[pair.first.planned.name].files
    change = apply(pair, files)
    assert change is not None
    # The firewall lets the new router in.
    assert change.install == (BIRD, FIREWALL)
    assert pair.first.text(BIRD) == files[BIRD]
    assert pair.first.session() == session
    assert pair.first.bird() == bird
    assert pair.first.calls() == ["firewall reload"]
    assert "router_dc3" in pair.first.run("/usr/sbin/birdc", "show", "protocols")
    assert is_clean(pair.first)
    # BIRD was told to keep it, and takes nothing back when its own limit has passed.
    assert "Nothing to do" in pair.first.run("/usr/sbin/birdc", "configure", "confirm")


def test_only_services_whose_files_changed_are_reloaded(pair: Pair) -> None:
    files = pair.files(pair.first)
    files["/etc/config/dhcp"] += "\nconfig host\n\toption name 'new'\n"
    files["/etc/sysctl.d/90-underlay.conf"] += "net.ipv4.conf.all.log_martians = 1\n"
    session = pair.first.session()
    apply(pair, files)
    assert pair.first.calls() == ["sysctl reload", "dnsmasq reload"]
    martians = pair.first.file("/proc/sys/net/ipv4/conf/all/log_martians")
    assert pair.first.run("/bin/cat", f"/{martians.relative_to(pair.first.root)}") == "1\n"
    assert pair.first.session() == session


def test_a_bird_conf_that_is_refused_leaves_the_old_one_running(pair: Pair) -> None:
    files = pair.files(pair.first)
    old, session = files[BIRD], pair.first.session()
    files[BIRD] = old.replace("protocol device {", "protocol devise {")
    with pytest.raises(RefusedError) as refused:
        apply(pair, files)
    message = str(refused.value)
    assert "refused /etc/bird.conf" in message
    assert "/etc/bird.conf:" in message
    assert "syntax error" in message
    assert "underlay/staged" not in message
    assert pair.first.text(BIRD) == old
    assert pair.first.session() == session


def test_uci_that_is_none_is_refused_before_anything_is_touched(pair: Pair) -> None:
    files = {**pair.files(pair.first), NETWORK: "config interface 'lan\n"}
    with pytest.raises(RefusedError, match="No closing quotation"):
        apply(pair, files)
    assert pair.first.calls() == []


def test_a_firewall_that_is_refused_is_put_back_at_once(pair: Pair) -> None:
    files = pair.files(pair.first)
    old = files[FIREWALL]
    files[FIREWALL] = old.replace("172.31.0.1/32", "172.31.0.1/99")
    with pytest.raises(RefusedError, match="refused /etc/config/firewall"):
        apply(pair, files)
    assert pair.first.text(FIREWALL) == old
    assert is_clean(pair.first)


def test_a_firewall_that_cuts_ssh_off_takes_itself_back(pair: Pair) -> None:
    files = pair.files(pair.first)
    old = files[FIREWALL]
    files[FIREWALL] = old.replace("172.31.0.1/32", "172.31.0.77/32")
    files[BIRD] = files[BIRD].replace("hold time 9", "hold time 12")
    with pytest.raises(CutOffError) as cut:
        apply(pair, files, confirm=CONFIRM_SOON)
    message = str(cut.value)
    assert "/etc/bird.conf, /etc/config/firewall changed" in message
    assert "It has been taken back" in message
    assert pair.first.text(FIREWALL) == old
    assert pair.first.text(BIRD) == pair.files(pair.first)[BIRD]
    assert apply(pair, pair.files(pair.first)) is None
    assert is_clean(pair.first)
    eventually(lambda: "Established" in pair.first.session())


def test_an_address_that_cuts_ssh_off_takes_itself_back(pair: Pair) -> None:
    files = pair.files(pair.first)
    address = str(pair.first.planned.wan.address)
    files[NETWORK] = files[NETWORK].replace(address, address.replace("172.31.", "172.29."))
    with pytest.raises(CutOffError, match="taken back"):
        apply(pair, files, confirm=CONFIRM_SOON)
    assert address in pair.first.text(NETWORK)
    assert apply(pair, pair.files(pair.first)) is None


def test_a_password_changes_in_a_file_that_nobody_else_reads(pair: Pair) -> None:
    new = pair.secret_files(pair.first)[PASSWORDS].replace("hush", "other")
    change = apply(pair, pair.files(pair.first), {PASSWORDS: new})
    assert change is not None
    assert change.paths == (PASSWORDS,)
    assert pair.first.text(PASSWORDS) == new
    assert pair.first.file(PASSWORDS).stat().st_mode & 0o777 == 0o600
    assert pair.first.file(BIRD).stat().st_mode & 0o777 == 0o644


def test_what_bird_says_of_passwords_is_not_repeated(pair: Pair) -> None:
    text = 'define PASSWORD_PEERING = "hunter2-hunter2" hunter2-hunter2;\n'
    with pytest.raises(RefusedError) as refused:
        apply(pair, pair.files(pair.first), {PASSWORDS: text})
    assert "hunter2" not in str(refused.value)
    assert "hunter2" not in repr(pair.first.address)


def test_what_is_no_longer_wanted_is_removed(pair: Pair) -> None:
    files, secrets = pair.files(pair.first), pair.secret_files(pair.first)
    extra = "/etc/sysctl.d/95-extra.conf"
    apply(pair, {**files, extra: "# nothing\n"}, secrets)
    assert pair.first.file(extra).exists()
    change = apply(pair, files, secrets, formerly=(*files, extra))
    assert change is not None
    assert change.remove == (extra,)
    assert not pair.first.file(extra).exists()


def test_reads_back_what_is_there(pair: Pair) -> None:
    pair.first.file(FIREWALL).write_text("by hand\n")
    paths = (FIREWALL, BIRD, "/etc/nothing")
    with pair.lab.inside():
        found = asyncio.run(router.read(pair.first.address, paths, 5))
    assert found == {FIREWALL: "by hand\n", BIRD: pair.files(pair.first)[BIRD]}


def test_a_run_that_was_killed_is_cleaned_up_by_the_next(pair: Pair) -> None:
    """Its change is loaded and not confirmed: it is taken back, then the new one is made."""
    files = pair.files(pair.first)
    left = files | {BIRD: files[BIRD] + "# left\n"}
    change = Change(left, pair.secret_files(pair.first), (BIRD,), ())

    async def be_killed() -> None:
        async with connected(pair.first.address, 5) as connection:
            await connection.run(script.bring("resolve"), script.text())
            await connection.run(script.STAGE, change.archive(60))
            await connection.run(script.call("begin", "left"))
            while "loaded" not in pair.first.text("/etc/underlay/state"):
                await asyncio.sleep(0.1)

    with pair.lab.inside():
        asyncio.run(be_killed())
    assert pair.first.text(BIRD).endswith("# left\n")
    new = files | {BIRD: files[BIRD] + "# new\n"}
    session = pair.first.session()
    apply(pair, new)
    assert pair.first.text(BIRD).endswith("# new\n")
    assert pair.first.session() == session
    assert is_clean(pair.first)


def test_a_router_restarted_before_the_confirmation_has_its_old_files(pair: Pair) -> None:
    files = pair.files(pair.first)
    left = files | {BIRD: files[BIRD] + "# left\n"}
    change = Change(left, pair.secret_files(pair.first), (BIRD,), ())

    async def begin() -> None:
        async with connected(pair.first.address, 5) as connection:
            await connection.run(script.bring("resolve"), script.text())
            await connection.run(script.STAGE, change.archive(60))
            await connection.run(script.call("begin", "left"))

    with pair.lab.inside():
        asyncio.run(begin())
    hook = eventually(lambda: list(pair.first.file("/etc/uci-defaults").glob("*")))[0]
    eventually(lambda: pair.first.text(BIRD).endswith("# left\n"))
    # As OpenWrt does at boot: source it, and delete it if that went well.
    pair.first.run("/bin/sh", "-c", f". /etc/uci-defaults/{hook.name}")
    assert pair.first.text(BIRD) == files[BIRD]
    assert is_clean(pair.first)


def test_a_bird_that_does_not_run_is_started_with_the_new_file(pair: Pair) -> None:
    pair.first.run("/usr/sbin/birdc", "down")
    files = pair.files(pair.first)
    files[BIRD] += "# new\n"
    apply(pair, files)
    assert pair.first.calls() == ["bird start"]
    assert pair.first.text(BIRD) == files[BIRD]
    assert "router_dc2_router1" in pair.first.session()


def test_a_service_that_is_not_installed_is_named(pair: Pair) -> None:
    files = pair.files(pair.first) | {"/etc/config/keepalived": "config globals 'globals'\n"}
    files["/etc/keepalived/keepalived.conf"] = "global_defs {\n}\n"
    with pytest.raises(RefusedError, match=r"/etc/init\.d/keepalived: not found"):
        apply(pair, files)
    assert not pair.first.file("/etc/config/keepalived").exists()
    assert not pair.first.file("/etc/keepalived/keepalived.conf").exists()


def test_a_service_that_hangs_is_not_waited_for(pair: Pair) -> None:
    hanging = pair.first.file("/etc/init.d/dnsmasq")
    hanging.write_text("#!/bin/sh\n[ -e /tmp/hung ] || { touch /tmp/hung; sleep 600; }\n")
    files = pair.files(pair.first)
    old = files["/etc/config/dhcp"]
    files["/etc/config/dhcp"] += "\nconfig host\n"
    with pytest.raises(CutOffError, match="taken back"):
        apply(pair, files, confirm=CONFIRM_SOON)
    assert pair.first.text("/etc/config/dhcp") == old
    assert is_clean(pair.first)


def test_a_full_disk_is_named_and_leaves_what_there_was(pair: Pair) -> None:
    files = pair.files(pair.first)
    pair.first.run("/bin/mkdir", "-p", "/etc/underlay")
    pair.first.run("/bin/mount", "-t", "tmpfs", "-o", "size=64k", "none", "/etc/underlay")
    pair.first.run("/bin/sh", "-c", "head -c 40000 /dev/zero >/etc/underlay/full")
    with pytest.raises(RefusedError, match="No space left"):
        apply(pair, files | {BIRD: files[BIRD] + "# long\n" * 4000})
    assert pair.first.text(BIRD) == files[BIRD]


def test_another_host_key_is_refused(pair: Pair) -> None:
    other = asyncssh.generate_private_key("ssh-ed25519").export_public_key().decode()
    ours = pair.first.address
    stranger = Address(ours.host, other, ours.private_key)
    with pytest.raises(LoginError, match="another host key"):
        apply(pair, pair.files(pair.first), on=stranger)


def test_a_key_that_the_router_does_not_know_is_refused(pair: Pair) -> None:
    other = asyncssh.generate_private_key("ssh-ed25519").export_private_key().decode()
    ours = pair.first.address
    with pytest.raises(LoginError, match="does not accept"):
        apply(pair, pair.files(pair.first), on=Address(ours.host, ours.host_key, other))


def test_nobody_at_the_address(pair: Pair) -> None:
    ours = pair.first.address
    nobody = Address("172.31.0.200", ours.host_key, ours.private_key)
    with pytest.raises(UnreachableError, match="does not answer by SSH within 2 s"):
        apply(pair, pair.files(pair.first), on=nobody, answer=2)


def test_a_router_that_hangs(pair: Pair) -> None:
    """It is in the middle of nothing: the connection stands, and no answer comes."""
    os.kill(pair.first.process, signal.SIGSTOP)
    try:
        with pytest.raises(UnreachableError, match="does not answer"):
            apply(pair, pair.files(pair.first), answer=2)
    finally:
        os.kill(pair.first.process, signal.SIGCONT)
