import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from config.load import load
from config.plan import Plan, make_plan
from render.artifacts import RouterArtifacts, render
from tests.day1.lab import Lab, Router, eventually, missing
from tests.render.secrets import all_files, secret_files

#: Seconds to confirm a change: longer than any takes on a busy machine, and short for one that is
#: to be taken back.
CONFIRM = 30
CONFIRM_SOON = 4

PASSWORDS: dict[str, object] = {"peering": "peering-password-4711"}


@dataclass(frozen=True)
class Pair:
    """Two routers in two datacentres, with a session between them."""

    lab: Lab
    plan: Plan
    first: Router
    second: Router
    artifacts: dict[str, RouterArtifacts]

    def files(self, router: Router) -> dict[str, str]:
        return dict(self.artifacts[router.planned.name].files)

    def secret_files(self, router: Router) -> dict[str, str]:
        return secret_files(self.artifacts[router.planned.name])


def planned(**fabric: object) -> Plan:
    settings = {"management": ["172.31.0.1/32"], "timers": {"connect_delay_time": 1}, **fabric}
    return make_plan(load(settings, PASSWORDS))


@pytest.fixture
def pair(tmp_path: Path) -> Iterator[Pair]:
    with standing(tmp_path, planned()) as found:
        yield found


@pytest.fixture
def routers_alone(tmp_path: Path) -> Iterator[Pair]:
    """As a stack without a cluster has them: without sessions to nodes."""
    settings = load({}, PASSWORDS, libvirt={"cluster": False}, substrate="libvirt")
    with standing(tmp_path, make_plan(settings)) as found:
        yield found


@contextmanager
def standing(folder: Path, plan: Plan) -> Iterator[Pair]:
    """The routers of two datacentres, up to where each knows the other's LAN."""
    if os.geteuid() != 0 or missing():
        pytest.skip(f"needs root, and {', '.join(missing()) or 'nothing else'}")
    artifacts = dict(render(plan).routers)
    folder.chmod(0o755)
    lab = Lab(folder, plan)
    try:
        first, second = (
            lab.router(router, all_files(artifacts[router.name])) for router in plan.routers
        )
        eventually(lambda: first.reaches(second) and second.reaches(first))
        yield Pair(lab, plan, first, second, artifacts)
    finally:
        lab.close()
