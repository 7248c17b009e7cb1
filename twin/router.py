"""A twin router: boots the files that the OpenWrt router gets, with real BIRD and keepalived."""

from __future__ import annotations

import signal
import time
from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import ip_address, ip_interface
from os import kill
from pathlib import Path

from config.families import EVERYWHERE, family_of
from twin import birdc, daemons, firewall, uci, web
from twin.machine import (
    Nic,
    apply_network,
    apply_sysctls,
    device_name,
    differing_sysctls,
    drift_of_network,
    observe_if_old,
    parse_sysctls,
    plug,
    run_nft,
    static_neighbors,
    write_file,
)
from twin.network import Address, Bridge, Network, Route
from twin.place import Place

NETWORK_FILE = "/etc/config/network"
FIREWALL_FILE = "/etc/config/firewall"
SYSCTL_FILE = "/etc/sysctl.d/90-underlay.conf"
BIRD_FILE = "/etc/bird.conf"
KEEPALIVED_FILE = "/etc/keepalived/keepalived.conf"
UHTTPD_FILE = web.CONFIGURATION

_BIRD_LIMIT_SECONDS = 10


class RefusedError(RuntimeError):
    """A daemon refused a rendered file; what ran before goes on."""


@dataclass(frozen=True, slots=True)
class Router:
    """A router as its artifacts describe it."""

    place: Place
    nics: tuple[Nic, ...]
    files: Mapping[str, str]
    secret_files: Mapping[str, str]

    @property
    def control_socket(self) -> Path:
        """Where its BIRD listens for `birdc -s`."""
        return control_socket(self.place)

    def build(self, owner: str, previous: Router | None = None) -> None:
        """Boot the router, or bring a running one to what the files say, session by session."""
        is_new = self.place.claim(owner)
        if not is_new and KEEPALIVED_FILE not in self.files:
            # It takes the shared address along; what is observed next must be without it.
            daemons.end_all(self.place.folder, "keepalived")
        observed = plug(self.place, self.nics, observe_if_old(self.place, is_new=is_new))
        apply_network(
            self.place, observed, self.network(), previous.network() if previous else None
        )
        apply_sysctls(self.place, self.sysctls())
        if is_new or previous is None or previous.rules() != self.rules() or self._lost_rules():
            run_nft(self.place, ["-f", "-"], self.rules())
            write_file(self.place.folder, _RULES_RECORD, self._listed_rules())
        changed = self._write_files(previous)
        self._run_bird(is_new=is_new, is_changed=bool(changed & {BIRD_FILE, *self.secret_files}))
        self._run_keepalived(is_changed=KEEPALIVED_FILE in changed)
        web.run(
            self.place,
            self.files.get(web.CONFIGURATION),
            {_SOCKET_OF_SCRIPTS: str(self.control_socket)},
            is_other=web.CONFIGURATION in changed,
        )

    def drift(self) -> list[str]:
        """What is not as the files say. Empty for a healthy router."""
        observed = observe_if_old(self.place, is_new=False)
        found = drift_of_network(observed, self.network(), len(self.nics))
        if found and "unplugged" in found[0]:
            return found
        found += [f"sysctl {name}" for name in differing_sysctls(self.place, self.sysctls())]
        found += [f"{path} changed" for path in self._changed_files()]
        if self._lost_rules():
            found.append("firewall changed")
        optional = {KEEPALIVED_FILE: "keepalived", web.CONFIGURATION: web.PROGRAM}
        expected = ["bird", *(optional[path] for path in optional if path in self.files)]
        found += [
            f"{program} is not running"
            for program in expected
            if not daemons.running_in(self.place.folder, program)
        ]
        return found

    def network(self) -> Network:
        """What netifd would make of /etc/config/network."""
        sections = uci.parse(self.files[NETWORK_FILE])
        interfaces = [s for s in sections if s.type == "interface" and s.get("device") != "lo"]
        bridges = frozenset(
            Bridge(section.get("name"), frozenset(section.values("ports")))
            for section in sections
            if section.type == "device" and section.get("type") == "bridge"
        )
        cards = [device_name(number) for number in range(len(self.nics))]
        return Network(
            up=frozenset({"lo", *cards, *(bridge.name for bridge in bridges)}),
            bridges=bridges,
            addresses=frozenset(
                Address(section.get("device"), ip_interface(text), rank)
                for section in interfaces
                for option in ("ipaddr", "ip6addr")
                for rank, text in enumerate(section.values(option))
            ),
            routes=frozenset(
                Route(EVERYWHERE[family_of(gateway)], gateway=gateway)
                for section in interfaces
                for option in ("gateway", "ip6gw")
                if section.get(option)
                for gateway in [ip_address(section.get(option))]
            ),
            neighbors=static_neighbors(self.nics, [_holder(card, bridges) for card in cards]),
        )

    def rules(self) -> str:
        """What fw4 would make of /etc/config/firewall."""
        devices = {
            section.name: section.get("device")
            for section in uci.parse(self.files[NETWORK_FILE])
            if section.type == "interface" and section.name
        }
        return firewall.ruleset(self.files[FIREWALL_FILE], devices)

    def sysctls(self) -> dict[str, str]:
        """What the kernel is told at boot."""
        return parse_sysctls(self.files.get(SYSCTL_FILE, ""))

    def _write_files(self, previous: Router | None) -> set[str]:
        changed = set(self._changed_files())
        stale = previous._all_files().keys() - self._all_files().keys() if previous else ()
        for path in stale:
            (self.place.folder / path.lstrip("/")).unlink(missing_ok=True)
        for path in changed - {BIRD_FILE}:
            write_file(self.place.folder, path, self._all_files()[path], mode=self._mode(path))
        return changed

    def _mode(self, path: str) -> int:
        if path in self.secret_files:
            return 0o600
        return 0o755 if web.is_script(path) else 0o644

    def _changed_files(self) -> list[str]:
        return [
            path
            for path, text in self._all_files().items()
            if _read(self.place.folder / path.lstrip("/")) != text
        ]

    def _all_files(self) -> Mapping[str, str]:
        return {**self.files, **self.secret_files}

    def _run_bird(self, *, is_new: bool, is_changed: bool) -> None:
        """A running BIRD is reconfigured, which drops no session that stays as it is."""
        folder, text = self.place.folder, self.files[BIRD_FILE]
        if not is_new and daemons.running_in(folder, "bird"):
            if is_changed:
                self._reconfigure_bird(text)
            return
        configuration = write_file(folder, BIRD_FILE, text)
        recover = [] if is_new else ["-R"]
        command = ["bird", "-c", str(configuration)]
        try:
            daemons.launch(self.place.namespace, [*command, "-p"], folder=folder)
        except daemons.DaemonError as error:
            raise RefusedError(
                f"BIRD refused {self.place.machine}'s configuration: {error}"
            ) from None
        # In the foreground it keeps its standard error, which is where the file has it log.
        command += ["-f", "-s", str(self.control_socket), *recover]
        self.control_socket.unlink(missing_ok=True)
        daemons.start(self.place.namespace, command, folder=folder, environment={})
        self._await_bird()

    def _await_bird(self) -> None:
        """Wait until BIRD can be spoken to, some milliseconds after it was started."""
        deadline = time.monotonic() + _BIRD_LIMIT_SECONDS
        while not self.control_socket.exists():
            if time.monotonic() > deadline:
                log = self.place.folder / "bird.log"
                raise RefusedError(
                    f"BIRD on {self.place.machine} does not answer {_BIRD_LIMIT_SECONDS} s after "
                    f"its start: {log} says why"
                )
            time.sleep(0.001)

    def _reconfigure_bird(self, text: str) -> None:
        draft = write_file(self.place.folder, f"{BIRD_FILE}.draft", text)
        try:
            birdc.ask(self.control_socket, f'configure check "{draft}"')
        except birdc.BirdError as error:
            raise RefusedError(
                f"BIRD refused {self.place.machine}'s new configuration and keeps the old: {error}"
            ) from None
        draft.replace(self.place.folder / BIRD_FILE.lstrip("/"))
        birdc.ask(self.control_socket, "configure")

    def _run_keepalived(self, *, is_changed: bool) -> None:
        if KEEPALIVED_FILE not in self.files:
            return
        running = daemons.running_in(self.place.folder, "keepalived")
        if not running:
            folder = self.place.folder
            command = [
                *("keepalived", "--dont-fork", "--vrrp", "--log-console"),
                *("--use-file", str(folder / KEEPALIVED_FILE.lstrip("/"))),
                *("--pid", str(folder / "keepalived.pid")),
                *("--vrrp_pid", str(folder / "vrrp.pid")),
            ]
            daemons.start(self.place.namespace, command, folder=folder, environment={})
        elif is_changed:
            kill(min(running), signal.SIGHUP)

    def _listed_rules(self) -> str:
        return run_nft(self.place, ["--stateless", "list", "ruleset"])

    def _lost_rules(self) -> bool:
        """The kernel prints rules in words of its own, so what it printed is compared."""
        return self._listed_rules() != _read(self.place.folder / _RULES_RECORD)


_RULES_RECORD = "nft-ruleset"

#: By what scripts find a BIRD that is not where OpenWrt's is.
_SOCKET_OF_SCRIPTS = "UNDERLAY_BIRD_SOCKET"


def control_socket(place: Place) -> Path:
    """Where a router's BIRD listens for `birdc -s`."""
    return place.folder / "bird.ctl"


def _holder(card: str, bridges: frozenset[Bridge]) -> str:
    """The device that holds a card's addresses: the bridge it is a port of, or itself."""
    return next((bridge.name for bridge in bridges if card in bridge.ports), card)


def _read(path: Path) -> str | None:
    try:
        return path.read_text()
    except FileNotFoundError:
        return None
