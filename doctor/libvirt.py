"""What machines lack for a stack on libvirt."""

from __future__ import annotations

import os
from collections.abc import Iterator

from config.plan import Plan
from config.settings import Settings
from doctor.checks import daemon, disk, engine, images, kvm, memory, networks, programs, routes
from doctor.finding import Check, Finding
from doctor.load import Load, loads
from doctor.look import UnseenError, can_look, look
from doctor.uri import way


def checks(settings: Settings, plan: Plan) -> Iterator[Check]:
    """Everything that can be known before anything is made: this machine, then each host."""
    libvirt = settings.libvirt
    there = loads(settings, plan)
    yield engine.check_engine(os.environ.get("PATH", os.defpath))
    yield engine.check_plugins(libvirt.cluster)
    yield programs.check()
    yield images.check_files(libvirt)
    yield images.check_servers(libvirt)
    yield images.check_cache(sum(load.images for load in there))
    for load in there:
        yield from of_host(load)


def of_host(load: Load) -> Iterator[Check]:
    """One host: its libvirt, and what can be seen of the machine itself."""
    to = way(load.uri)
    unanswered = tuple(daemon.findings(to))
    yield Check(f"libvirt on {to.machine}", load.uri, unanswered)
    if not can_look(to) or (unanswered and not to.is_local):
        return
    try:
        host = look(to, load.pool)
    except UnseenError as error:
        text = f"{load.uri}: {to.machine} cannot be looked at by SSH: {error}"
        yield Check(f"login on {to.machine}", "", (Finding(text),))
        return
    for judge in (kvm, memory, disk, networks, routes):
        yield judge.check(host, load)
