"""A stack on libvirt on the real engine, with stand-ins for what is not to be had."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import yaml

from tests.components.stacks import Written
from tests.engine.commands import Commands
from tests.engine_libvirt import plugins
from tests.engine_libvirt.standin import KUBECONFIG
from tests.real_libvirt.daemon import Libvirtd
from tools.cli import PROJECT, search_path

_PASSWORDS = "underlay:passwords"
_SITE = Path(__file__).parent / "site"


@dataclass(frozen=True, slots=True)
class Stack(Commands):
    """A stack with a backend, a home and plugins of its own.

    `has_libvirt`: with the real libvirt plugin; otherwise with a stand-in for that one as well.
    `machines`: where they are made, with the images that they boot; otherwise nothing is made.
    `enter`: the command that the engine is run by.
    """

    folder: Path
    has_libvirt: bool
    kubeconfig: str = ""
    machines: Libvirtd | None = None
    enter: tuple[str, ...] = ()
    limit_seconds: ClassVar[int] = 600

    @property
    def name(self) -> str:
        """A name that no other test has at the same time."""
        return f"v{os.getpid()}-{self.folder.name}".replace("_", "-")

    @property
    def environment(self) -> dict[str, str]:
        """Nothing of the user's own Pulumi."""
        return {
            **os.environ,
            "PATH": os.pathsep.join((str(self._bin), search_path(), os.environ["PATH"])),
            "PYTHONPATH": os.pathsep.join((str(_SITE), str(PROJECT))),
            **self._files,
            KUBECONFIG: str(self._kubeconfig),
            "PULUMI_HOME": str(self._made("home")),
            "PULUMI_BACKEND_URL": f"file://{self._made('state')}?metadata=skip",
            "PULUMI_CONFIG_PASSPHRASE": "",
            "PULUMI_SKIP_UPDATE_CHECK": "1",
            "PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION": "1",
        }

    @property
    def _files(self) -> dict[str, str]:
        """Images in a cache of the stack's own; or what stands in for them and what they boot."""
        if self.machines:
            return {"XDG_CACHE_HOME": str(self._made("cache"))}
        return {"UNDERLAY_STANDIN_FILES": str(self._made("files"))}

    def _made(self, name: str) -> Path:
        path = self.folder / name
        path.mkdir(exist_ok=True)
        return path

    @property
    def _kubeconfig(self) -> Path:
        path = self.folder / "kubeconfig"
        if not path.exists():
            path.write_text(self.kubeconfig)
        return path

    @property
    def _bin(self) -> Path:
        """Plugins are found on PATH."""
        path = self._made("bin")
        plugins.put(path, has_libvirt=self.has_libvirt)
        return path

    @property
    def _configuration(self) -> Path:
        return self.folder / "Pulumi.yaml"

    def configure(self, config: Written) -> None:
        """Write the configuration, keeping the salt that the engine wrote, and encrypt passwords.

        What is not encrypted in the configuration, the engine does not encrypt in the state.
        """
        path = self._configuration
        found = yaml.safe_load(path.read_text()) if path.exists() else {}
        shown = {key: item for key, item in config.items() if key != _PASSWORDS}
        path.write_text(yaml.safe_dump({**(found or {}), "config": shown}))
        if _PASSWORDS in config:
            secret = json.dumps(config[_PASSWORDS])
            self.succeed("config", "set", "--secret", _PASSWORDS, secret)

    def command(self, *arguments: str) -> list[str]:
        """A `pulumi` command on this stack."""
        options = ["--stack", self.name]
        if arguments[0] not in ("cancel", "stack"):
            options += ["--config-file", str(self._configuration)]
        pulumi = ("pulumi", "--cwd", str(PROJECT), "--non-interactive")
        command = [*self.enter, *pulumi, *arguments, *options]
        return self.machines.inside(*command) if self.machines else command

    def init(self, config: Written) -> None:
        """Make the stack."""
        self.succeed("stack", "init")
        # Its salt goes into the project, as no option says otherwise.
        (PROJECT / f"Pulumi.{self.name}.yaml").replace(self._configuration)
        self.configure(config)

    def preview(self) -> Mapping[str, str]:
        """What would be done, by the resource's type and name; what stays as it is left out."""
        steps = json.loads(self.succeed("preview", "--json"))["steps"]
        order = ("create-replacement", "delete-replaced")
        return {
            _of(step["urn"]): step["op"] for step in steps if step["op"] not in ("same", *order)
        }

    def state(self) -> str:
        """The state as it is kept, secrets encrypted."""
        return self.succeed("stack", "export")


def _of(urn: str) -> str:
    return urn.rpartition("::")[2]
