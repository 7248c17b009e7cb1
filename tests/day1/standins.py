"""What OpenWrt's own programs do on a router, as far as these tests need it, in few lines.

Stand-ins are: netifd (`network`), fw4, uci, and `/etc/init.d/*`; uhttpd and uclient-fetch, for
which BusyBox has others. Real are: BIRD, nftables, dropbear, the kernel, and BusyBox's shell and
applets. Runs outside of the router's root, inside
its network.
"""

import subprocess
import sys
from pathlib import Path

from twin import firewall, uci

DEVICES = {"lan": "br-lan", "wan": "eth1", "peering": "eth2"}


def network(root: Path) -> None:
    """The bridge, the addresses and the default route; addresses that stay are left alone."""
    sections = uci.parse((root / "etc/config/network").read_text())
    for section in sections:
        if section.type == "device":
            run("ip", "link", "add", section.get("name"), "type", "bridge", must=False)
            for port in section.values("ports"):
                run("ip", "link", "set", port, "master", section.get("name"), "up")
    for section in sections:
        device = section.get("device")
        if section.type != "interface" or device == "lo":
            continue
        run("ip", "link", "set", device, "up")
        wanted = section.values("ipaddr")
        present = run("ip", "-o", "-4", "addr", "show", "dev", device).split()
        for address in {word for word in present if "/" in word} - set(wanted):
            run("ip", "addr", "del", address, "dev", device)
        for address in wanted:
            run("ip", "addr", "replace", address, "dev", device)
        if gateway := section.get("gateway"):
            run("ip", "route", "replace", "default", "via", gateway, must=False)


def fw4(root: Path, *arguments: str) -> None:
    rules = firewall.ruleset((root / "etc/config/firewall").read_text(), DEVICES)
    run("nft", *(["-c"] if "check" in arguments else []), "-f", "-", text=rules)


def uci_show(root: Path, *arguments: str) -> None:
    folder, name = arguments[1], arguments[3]
    uci.parse((root / folder.lstrip("/") / name).read_text())


def run(*command: str, must: bool = True, text: str = "") -> str:
    done = subprocess.run(command, input=text, capture_output=True, text=True)
    if must and done.returncode != 0:
        raise SystemExit(done.stderr)
    return done.stdout


if __name__ == "__main__":
    try:
        {"network": network, "fw4": fw4, "uci": uci_show}[sys.argv[1]](
            Path(sys.argv[2]), *sys.argv[3:]
        )
    except (uci.UciError, KeyError) as error:
        raise SystemExit(f"{sys.argv[1]}: {error}") from None
