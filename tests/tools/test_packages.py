import io
import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from tools import ToolError, packages
from tools.packages import Host, Need
from tools.progress import Progress

Executable = Callable[[Path, str], Path]
COMMANDS = [need.command for need in packages.NEEDS]

# Installs by making the commands; keeps what it was asked, and the policy it was run under.
APT = """
echo "$*" >> {folder}/calls
cp {folder}/policy-rc.d {folder}/policy-then 2>/dev/null
case " $* " in *" install "*) for c in {commands}; do
  printf '#!/bin/sh\\n' > {folder}/bin/$c; /bin/chmod +x {folder}/bin/$c; done;; esac
"""


@pytest.fixture
def host(tmp_path: Path) -> Host:
    (tmp_path / "bin").mkdir()
    for tool in ("cp", "sh"):
        (tmp_path / "bin" / tool).symlink_to(f"/bin/{tool}")
    return Host(
        root=True,
        path=str(tmp_path / "bin"),
        log=tmp_path / "log",
        lock=tmp_path / "lock",
        policy=tmp_path / "policy-rc.d",
        services=(tmp_path / "services",),
    )


@pytest.fixture
def apt(tmp_path: Path, executable: Executable) -> Callable[[str], Path]:
    def write(before: str = "") -> Path:
        script = APT.format(folder=tmp_path, commands=" ".join(COMMANDS))
        return executable(tmp_path / "bin/apt-get", before + script)

    return write


def calls(tmp_path: Path) -> list[str]:
    return (tmp_path / "calls").read_text().splitlines()


def test_a_machine_that_has_everything_is_left_alone(
    host: Host, tmp_path: Path, executable: Executable, progress: Progress, said: io.StringIO
) -> None:
    for command in COMMANDS:
        executable(tmp_path / "bin" / command, "")
    packages.ensure(host, progress)
    assert said.getvalue() == ""


def test_without_root_one_message_names_commands_packages_and_remedy(
    host: Host, tmp_path: Path, executable: Executable, apt: Callable[..., Path], progress: Progress
) -> None:
    apt()
    executable(tmp_path / "bin/ip", "")
    with pytest.raises(ToolError) as error:
        packages.ensure(replace(host, root=False), progress)
    assert str(error.value) == (
        "missing on this machine: nft, bird, birdc, gobgpd, keepalived, busybox. "
        "Install with: sudo apt-get install --no-install-recommends "
        "nftables bird2 gobgpd keepalived busybox-static"
    )


def test_without_apt_the_message_names_what_debian_calls_them(
    host: Host, progress: Progress
) -> None:
    with pytest.raises(ToolError, match="Debian calls the packages: iproute2 nftables bird2"):
        packages.ensure(host, progress)


def test_root_gets_what_is_missing_and_nothing_more(
    host: Host, tmp_path: Path, executable: Executable, apt: Callable[..., Path], progress: Progress
) -> None:
    apt()
    executable(tmp_path / "bin/ip", "")
    packages.ensure(host, progress, [Need("python3 -m venv", "python3-venv")])
    (call,) = calls(tmp_path)
    assert call.endswith("nftables bird2 gobgpd keepalived busybox-static python3-venv")
    assert "--no-install-recommends" in call


def test_package_lists_are_fetched_when_an_installation_fails_without(
    host: Host, tmp_path: Path, apt: Callable[[str], Path], progress: Progress
) -> None:
    first = f"[ ! -f {tmp_path}/calls ] && echo first >> {tmp_path}/calls && exit 100"
    apt(first)
    packages.ensure(host, progress)
    assert [call.split()[-1] for call in calls(tmp_path)] == ["first", "update", "busybox-static"]


def test_a_failed_installation_is_one_error_and_leaves_no_policy(
    host: Host, apt: Callable[[str], Path], progress: Progress
) -> None:
    apt("echo no space left; exit 100;")
    with pytest.raises(ToolError, match="no space left"):
        packages.ensure(host, progress)
    assert not host.policy.exists()


def test_new_daemons_are_not_started_while_they_are_installed(
    host: Host, tmp_path: Path, apt: Callable[..., Path], progress: Progress
) -> None:
    apt()
    packages.ensure(host, progress)
    assert not host.policy.exists()
    assert _verdict(tmp_path / "policy-then", "bird", "start") == 101
    assert _verdict(tmp_path / "policy-then", "--quiet", "gobgpd.service", "restart") == 101
    assert _verdict(tmp_path / "policy-then", "ssh", "restart") == 0


def test_a_service_that_was_there_before_is_neither_stopped_nor_disabled(
    host: Host,
    tmp_path: Path,
    executable: Executable,
    apt: Callable[..., Path],
    progress: Progress,
) -> None:
    apt()
    executable(tmp_path / "bin/systemctl", f'echo "systemctl $*" >> {tmp_path}/calls')
    (tmp_path / "services").mkdir()
    (tmp_path / "services/bird.service").touch()
    packages.ensure(host, progress)
    assert _verdict(tmp_path / "policy-then", "bird", "start") == 0
    assert [call for call in calls(tmp_path) if "systemctl" in call] == [
        "systemctl disable --quiet gobgpd",
        "systemctl disable --quiet keepalived",
    ]


def test_a_policy_of_the_machines_owner_stays_as_it_is(
    host: Host, tmp_path: Path, apt: Callable[..., Path], progress: Progress
) -> None:
    apt()
    host.policy.write_text("#!/bin/sh\nexit 104\n")
    packages.ensure(host, progress)
    assert host.policy.read_text() == "#!/bin/sh\nexit 104\n"


def test_a_policy_left_by_a_killed_run_is_replaced_and_removed(host: Host) -> None:
    host.policy.write_text(f"#!/bin/sh\n{packages.MARK}bird\nexit 101\n")
    with packages.not_started(host.policy, ["bird"]):
        assert _verdict(host.policy, "cron", "start") == 0
    assert not host.policy.exists()


def test_what_a_killed_run_left_to_do_is_done_by_the_next(
    host: Host,
    tmp_path: Path,
    executable: Executable,
    apt: Callable[..., Path],
    progress: Progress,
) -> None:
    for command in COMMANDS:
        executable(tmp_path / "bin" / command, "")
    apt("echo never >> {tmp_path}/calls; exit 1")
    executable(tmp_path / "bin/systemctl", f'echo "systemctl $*" >> {tmp_path}/calls')
    host.policy.write_text(f"#!/bin/sh\n{packages.MARK}bird\nexit 101\n")
    packages.ensure(host, progress)
    assert not host.policy.exists()
    assert calls(tmp_path) == ["systemctl disable --quiet bird"]


def test_daemons_are_found_where_an_ordinary_users_path_does_not_look(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("PATH", "/usr/bin")
    assert "/usr/sbin" in Host.this().path.split(":")


def _verdict(policy: Path, *arguments: str) -> int:
    return subprocess.run(("/bin/sh", policy, *arguments), check=False).returncode


def test_what_tests_use_is_only_asked_for_where_it_can_be_installed(host: Host) -> None:
    assert {need.command for need in packages.missing_for_tests(host)} >= {"promtool", "dropbear"}
    assert packages.missing_for_tests(replace(host, root=False)) == []
