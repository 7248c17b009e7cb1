"""Which resources a change of the configuration creates, updates and replaces, and no others."""

import copy
import fnmatch
from collections.abc import Callable, Iterator, Mapping

import pytest

from config.load import load
from config.plan import make_plan
from tests.components.api import ANY, serving, with_conditions
from tests.components.monitor import PASSWORD
from tests.components.stacks import PASSWORDS, Written, written
from tests.engine_libvirt.stack import Stack
from tools.cli import PROJECT
from verify.deployed import deployed
from verify.libvirt_stack import LibvirtStack

pytestmark = [
    pytest.mark.engine,
    pytest.mark.timeout(900),
    pytest.mark.xdist_group("engine_libvirt"),  # one stack, brought up once
]


def base() -> Written:
    config = written("dev")
    config["underlay:passwords"] = copy.deepcopy(PASSWORDS)
    return config


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """`dev` with passwords, up."""
    folder = tmp_path_factory.mktemp("stack")
    with serving(folder) as api:
        api.documents[ANY] = with_conditions("Ready", "Established")
        made = Stack(folder, has_libvirt=False, kubeconfig=api.kubeconfig)
        made.init(base())
        made.up()
        yield made
        made.configure(base())
        made.destroy()


def test_the_next_preview_changes_nothing(stack: Stack) -> None:
    stack.configure(base())
    assert stack.preview() == {}


def test_no_secret_is_in_the_state_or_in_what_is_printed(stack: Stack) -> None:
    stack.configure(base())
    shown = stack.state() + stack.succeed("preview", "--diff") + stack.succeed("stack", "output")
    assert "standin-secret" not in shown
    assert PASSWORD not in shown
    assert "PRIVATE KEY" not in shown


def test_verify_finds_in_the_outputs_what_it_needs(
    stack: Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in stack.environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(PROJECT)
    found = deployed(stack.name)
    assert isinstance(found, LibvirtStack)
    config = base()
    settings = load(
        config["underlay:fabric"], libvirt=config["underlay:libvirt"], substrate="libvirt"
    )
    assert found.plan == make_plan(settings)
    assert found.host_keys.keys() == {"dc1-router1", "dc2-router1"}
    assert all(key.startswith("ssh-ed25519 ") for key in found.host_keys.values())
    assert "PRIVATE KEY" in found.management_key
    assert found.kubeconfig == stack.kubeconfig


def add_datacentre(config: Written) -> None:
    config["underlay:fabric"]["datacentres"].append({"nodes": {"workers": 1}})


def add_node(config: Written) -> None:
    config["underlay:fabric"]["datacentres"][1]["nodes"]["workers"] = 2


def add_router(config: Written) -> None:
    config["underlay:fabric"]["datacentres"][1]["routers"] = 2


def change_timer(config: Written) -> None:
    config["underlay:fabric"]["timers"] = {"hold_time": 30}


def change_password(config: Written) -> None:
    config["underlay:passwords"]["datacentres"]["dc1"] = f"{PASSWORD}-2"


def rotate_password(config: Written) -> None:
    config["underlay:fabric"]["security"] = {"rotations": {"datacentres": {"dc2": 2}}}


def change_router_image(config: Written) -> None:
    config["underlay:libvirt"]["openwrt"] = {"release": "24.10.6"}


def change_router_memory(config: Written) -> None:
    config["underlay:libvirt"]["router"] = {"memory": 512}


def change_worker_memory(config: Written) -> None:
    config["underlay:libvirt"]["worker"] = {"memory": 4096}


def change_cilium(config: Written) -> None:
    config["underlay:libvirt"]["cilium"] = {"version": "1.20.0"}


def change_kubernetes(config: Written) -> None:
    config["underlay:libvirt"]["talos"]["kubernetes"] = "1.35.1"


def rename_nothing(config: Written) -> None:
    """Spelt out what is the default."""
    config["underlay:libvirt"]["uri"] = "qemu:///system"


#: What is done by patterns of names: the first that fits counts.
CHANGES: Mapping[Callable[[Written], None], Mapping[str, str]] = {
    rename_nothing: {},
    add_datacentre: {
        "fabric-converged": "update",
        "fabric-dc3*": "create",
        "fabric-cilium-*dc3*": "create",
        "fabric-dc?-router1-files": "update",
        "fabric-cilium-joined": "update",
        "fabric-cilium-ready": "update",
        "fabric-cilium-chart": "none",
    },
    add_node: {
        "fabric-converged": "update",
        "fabric-dc2-worker2*": "create",
        "fabric-cilium-pod-cidr-dc2-worker2": "create",
        "fabric-dc2-router1-files": "update",
        "fabric-cilium-joined": "update",
        "fabric-cilium-ready": "update",
    },
    add_router: {
        "fabric-converged": "update",
        "fabric-dc2-router2*": "create",
        "fabric-dc?-router1-files": "update",
        "fabric-cilium-instance-dc2": "update",
    },
    change_timer: {
        "fabric-converged": "update",
        "fabric-dc?-router1-files": "update",
        "fabric-cilium-peers-dc?": "update",
    },
    change_password: {
        "fabric-converged": "update",
        "fabric-dc1-router1-files": "update",
        "fabric-cilium-password-dc1": "update",
    },
    rotate_password: {
        "fabric-converged": "update",
        "fabric-dc2-router1-files": "update",
        "fabric-cilium-password-dc2": "update",
    },
    change_router_image: {
        "fabric-converged": "update",
        "fabric-dc?-router1-image": "replace",
        "fabric-dc?-router1-kernel": "replace",
        "fabric-dc?-router1-root": "replace",
        "fabric-dc?-router1-domain": "replace",
        "fabric-dc?-router1-files": "update",
    },
    change_router_memory: {
        "fabric-converged": "update",
        "fabric-dc?-router1-domain": "replace",
        "fabric-dc?-router1-files": "update",
    },
    change_worker_memory: {
        "fabric-converged": "update",
        "fabric-dc2-worker1-domain": "replace",
    },
    change_cilium: {"fabric-converged": "update", "fabric-cilium-chart": "update"},
    change_kubernetes: {},
}


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: change.__name__)
def test_a_change_touches_what_it_must_and_nothing_else(
    stack: Stack, change: Callable[[Written], None]
) -> None:
    config = base()
    change(config)
    stack.configure(config)
    expected = {pattern: op for pattern, op in CHANGES[change].items() if op != "none"}
    found = dict(stack.preview())
    found.pop(f"underlay-{stack.name}", None)  # the stack itself: its outputs
    unexpected = {
        name: op
        for name, op in found.items()
        if not any(
            fnmatch.fnmatch(name, pattern) and op == wanted for pattern, wanted in expected.items()
        )
    }
    assert unexpected == {}
    unmet = [p for p in expected if not any(fnmatch.fnmatch(name, p) for name in found)]
    assert unmet == []
