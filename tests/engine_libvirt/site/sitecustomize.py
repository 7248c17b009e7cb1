"""In the program and in its dynamic providers: what would reach out to machines does not.

Python imports a module of this name by itself where it is on the path. Dynamic resources stay what
they are, but for the one call in each that needs a machine, a download or libvirt.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from config.machines import Router, Site
    from config.plan import Plan
    from verify.libvirt_stack import LibvirtStack
    from verify.model import Expected, Sight

FILES = os.environ.get("UNDERLAY_STANDIN_FILES")

#: `ONE=OTHER`: a mistake in the routers' network files, which the program itself does not make.
MISTAKE = os.environ.get("UNDERLAY_STANDIN_MISTAKE")

if FILES:
    from pulumi.dynamic import CreateResult, ReadResult, ResourceProvider, UpdateResult

    import components.reachable
    from components.reachable import Props
    from day1.providers import RouterFilesProvider
    from images.providers import ImageProvider, RouterImageProvider, TalosBootProvider
    from verify.libvirt_converged import LibvirtConvergedProvider

    def _file(name: str) -> str:
        path = Path(str(FILES)) / name
        path.write_text(name)
        return str(path)

    def _image(provider: type[ImageProvider], *names: str) -> None:
        def create(self: ImageProvider, props: Props) -> CreateResult:
            identity = self.identity(props)
            paths = {f"{name}_path": _file(f"{name}-{identity[:12]}") for name in names}
            return CreateResult(identity, {**paths, "identity": identity, "sha256": {}})

        setattr(provider, "create", create)  # noqa: B010 — a type checker would object

    def _created(_self: ResourceProvider, props: Props) -> CreateResult:
        return CreateResult("standin", _pushed(props))

    def _updated(_self: ResourceProvider, _id: str, _olds: Props, _news: Props) -> UpdateResult:
        return UpdateResult(_pushed(_news))

    def _read(_self: ResourceProvider, id_: str, props: Props) -> ReadResult:
        return ReadResult(id_, props)

    def _pushed(props: Props) -> Props:
        return {key: item for key, item in props.items() if key != "__provider"} | {
            "applied_at": f"{time.time()}"
        }

    def _as_planned(_self: object, machines: Iterable[Expected]) -> dict[str, Sight]:
        from verify.model import Observed

        return {
            machine.machine: Observed(
                machine.routes, dict.fromkeys(machine.sessions, "Established")
            )
            for machine in machines
        }

    def _watched(self: LibvirtConvergedProvider, props: Props) -> LibvirtStack:
        from verify.libvirt_stack import LibvirtStack

        setattr(LibvirtStack, "look", _as_planned)  # noqa: B010 — as above
        return _really_watched(self, props)

    _really_watched = LibvirtConvergedProvider.watched
    setattr(LibvirtConvergedProvider, "watched", _watched)  # noqa: B010
    _image(RouterImageProvider, "kernel", "root")
    _image(TalosBootProvider, "kernel", "initramfs")
    for name, method in {"create": _created, "update": _updated, "read": _read}.items():
        setattr(RouterFilesProvider, name, method)
    components.reachable.check = lambda uri, domain_type: None

if MISTAKE:
    from render import openwrt

    _right, _, _wrong = MISTAKE.partition("=")
    _network = openwrt.network

    def _mistaken(plan: Plan, site: Site, router: Router) -> str:
        return _network(plan, site, router).replace(_right, _wrong)

    openwrt.network = _mistaken
