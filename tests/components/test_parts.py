"""The parts of components that do something themselves."""

import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from components import api_objects, reachable, ssh_key
from components.api_objects import ApiObjectsProvider, NotThereError, Wanted
from components.fabric_networks import host_routes
from render import day0, ssh
from tests.components.api import Server, serving, with_conditions
from tests.render.plans import dual_stack, planned, two_datacentres


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with serving(tmp_path_factory.mktemp("api")) as found:
        yield found


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(api_objects, "_POLL_SECONDS", 0.01)


@pytest.fixture(autouse=True)
def has_xsltproc(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shutil.which", lambda name: f"/usr/bin/{name}")


def test_waiting_ends_when_all_objects_are_there(api: Server) -> None:
    api.documents = {"/nodes/a": {"kind": "Node"}, "/crds/b": with_conditions("Established")}
    objects = [Wanted("/nodes/a"), Wanted("/crds/b", "Established")]
    api_objects.wait(api.kubeconfig, objects, 5, "")
    assert {"/nodes/a", "/crds/b"} <= set(api.asked)


def test_waiting_names_what_is_missing_and_what_to_look_at(api: Server) -> None:
    api.documents = {"/nodes/a": with_conditions("Initialized")}
    objects = [Wanted("/nodes/a", "Ready"), Wanted("/nodes/b")]
    with pytest.raises(NotThereError) as caught:
        api_objects.wait(api.kubeconfig, objects, 0.05, "Look at its console.")
    message = str(caught.value)
    assert "/nodes/a is not Ready" in message
    assert "/nodes/b is not there" in message
    assert message.endswith("Look at its console.")


def test_an_api_that_does_not_answer_is_said_so(tmp_path: Path) -> None:
    with serving(tmp_path) as gone:
        kubeconfig = gone.kubeconfig
    with pytest.raises(NotThereError, match="the API does not answer"):
        api_objects.wait(kubeconfig, [Wanted("/nodes/a")], 0.05, "")


def test_without_a_kubeconfig_the_message_says_so() -> None:
    with pytest.raises(NotThereError, match="there is no kubeconfig yet"):
        api_objects.wait("", [Wanted("/nodes/a")], 1, "")


def test_a_renewed_kubeconfig_is_no_change() -> None:
    objects = [{"path": "/nodes/a", "condition": ""}]
    old, new = {"objects": objects}, {"objects": objects, "kubeconfig": "renewed"}
    assert not ApiObjectsProvider().diff("there", old, new).changes
    assert ApiObjectsProvider().diff("there", old, {"objects": []}).changes


def test_a_key_as_dropbear_wants_it(tmp_path: Path) -> None:
    private, public = ssh_key.generate("router1")
    assert public.startswith("ssh-ed25519 ")
    assert public.endswith(" router1")
    ours = ssh.dropbear_key(private)
    if not Path("/usr/bin/dropbearkey").exists():
        pytest.skip("dropbear is not here to judge")
    key = tmp_path / "key"
    key.write_bytes(ours)
    shown = subprocess.run(
        ("dropbearkey", "-y", "-f", str(key)), check=True, capture_output=True, text=True
    )
    assert public.split()[1] in shown.stdout


def test_the_host_keys_script_writes_the_very_bytes(tmp_path: Path) -> None:
    key = bytes(range(256))
    target = tmp_path / "host-key"
    script = day0.host_key_script(key).replace("/etc/dropbear/dropbear_ed25519_host_key", "$KEY")
    subprocess.run(("sh", "-c", script), check=True, env={"KEY": str(target)})
    assert target.read_bytes() == key
    assert target.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("text", ["-----BEGIN X-----\nAAAA\n-----END X-----\n", ""])
def test_what_is_no_key_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="OpenSSH"):
        ssh.dropbear_key(text)


def test_day_0_stays_when_datacentres_routers_and_nodes_are_added() -> None:
    before = two_datacentres()
    after = planned({"datacentres": [{"routers": 2, "nodes": 3}, {"nodes": 2}, {}]})
    for router in before.routers:
        (same,) = (other for other in after.routers if other.name == router.name)
        assert day0.files(before, router) == day0.files(after, same)


def test_host_routes_of_what_exists_stay_when_a_datacentre_is_added() -> None:
    before = dict(host_routes(two_datacentres()))
    after = dict(host_routes(planned({"datacentres": 3})))
    assert before.items() <= after.items()


def test_no_libvirt_at_all_is_said_with_its_remedy(tmp_path: Path) -> None:
    uri = f"qemu:///system?socket={tmp_path}/sock"
    with pytest.raises(reachable.UnreachableError, match="install libvirt-daemon-system"):
        reachable.check(uri, "qemu")


def test_the_program_that_libvirts_plugin_calls_is_looked_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("shutil.which", lambda _name: None)
    with pytest.raises(reachable.UnreachableError, match="install xsltproc"):
        reachable.check("qemu+ssh://root@127.0.0.1:1/system", "qemu")


def test_a_socket_that_nobody_listens_on(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as left:
        left.bind(str(tmp_path / "sock"))
    with pytest.raises(reachable.UnreachableError, match="start libvirt"):
        reachable.check(f"qemu:///system?socket={tmp_path}/sock", "qemu")


def test_another_host_that_does_not_answer() -> None:
    with pytest.raises(reachable.UnreachableError, match=r"127\.0\.0\.1 port 1 does not answer"):
        reachable.check("qemu+ssh://root@127.0.0.1:1/system", "kvm")


def test_a_libvirt_that_answers_is_good(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(tmp_path / "sock"))
        server.listen()
        reachable.check(f"qemu:///system?socket={tmp_path}/sock", "qemu")


def test_the_host_has_routes_in_each_family_by_the_routers_of_that_family() -> None:
    routes = dict(host_routes(dual_stack()))
    assert routes["10.129.0.0/16"] == "172.31.0.10"
    assert routes["fd75:6e64:6572:8100::/56"] == "fd75:6e64:6572:1f::a"
    assert routes["fd75:6e64:6572:102::/64"] == "fd75:6e64:6572:1f::c"
    assert routes["10.112.0.0/16"] == "172.31.0.10"
    assert routes["fd75:6e64:6572:70::/112"] == "fd75:6e64:6572:1f::a"
    assert all((":" in prefix) == (":" in gateway) for prefix, gateway in routes.items())
