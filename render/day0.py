"""What an OpenWrt router must have in its image to be reached and known: day 0, and no more.

All else comes over SSH into the running router (`render.artifacts`). What is here seldom changes,
since a change of it replaces the machine: the WAN address, who may come in by it, and the keys.
"""

from __future__ import annotations

from collections.abc import Sequence

from config.families import Family
from config.machines import Router
from config.plan import Plan
from render import interfaces
from render.openwrt import gateway_options, options
from render.templating import fill

NETWORK = "/etc/config/network"
FIREWALL = "/etc/config/firewall"
DROPBEAR = "/etc/config/dropbear"
SYSTEM = "/etc/config/system"
AUTHORIZED_KEYS = "/etc/dropbear/authorized_keys"

#: Run once, by the first boot, before the daemons start (OpenWrt wiki, "uci-defaults").
HOST_KEY_SCRIPT = "/etc/uci-defaults/10-underlay-host-key"
_HOST_KEY = "/etc/dropbear/dropbear_ed25519_host_key"

#: Modes of the files that are nobody's business but the router's.
PRIVATE = {AUTHORIZED_KEYS: 0o600, HOST_KEY_SCRIPT: 0o600}


def files(plan: Plan, router: Router) -> dict[str, str]:
    """The files by path, less those that hold keys."""
    return {
        NETWORK: fill(
            "day0-network.j2",
            wan_addresses=options(router.wan.addresses),
            wan_gateways=gateway_options(plan.wan_gateways),
            interfaces=interfaces,
        ),
        FIREWALL: fill(
            "day0-firewall.j2", management=plan.management, ipv6=Family.IPV6 in plan.families
        ),
        DROPBEAR: fill("day0-dropbear.j2"),
        SYSTEM: fill("day0-system.j2", router=router),
    }


def authorized_keys(public_keys: Sequence[str]) -> str:
    """The text of `/etc/dropbear/authorized_keys`."""
    return "".join(f"{key.strip()}\n" for key in public_keys)


def host_key_script(dropbear_key: bytes) -> str:
    """A script that puts the router's own key where dropbear looks for it.

    The key is binary and the image takes text, so the script spells it in octal: `printf` is a
    builtin of the router's shell, and base64 is not always there.
    """
    octal = "".join(f"\\{byte:03o}" for byte in dropbear_key)
    return f"umask 077\nprintf '{octal}' > {_HOST_KEY}\n"
