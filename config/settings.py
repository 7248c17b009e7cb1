"""All that a stack's configuration says."""

from __future__ import annotations

from config.libvirt import Libvirt
from config.schema import Fabric, Passwords, Substrate
from config.strict import Strict


class Settings(Strict):
    """The parts of a stack's configuration, each a key of its own there (`underlay:fabric`, …)."""

    substrate: Substrate = Substrate.TWIN
    fabric: Fabric = Fabric()
    libvirt: Libvirt = Libvirt()
    passwords: Passwords = Passwords()
