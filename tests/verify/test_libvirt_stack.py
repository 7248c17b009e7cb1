"""Looking at a stack on libvirt: routers made up, nodes by a stand-in for the API server."""

import io
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console
from syrupy.assertion import SnapshotAssertion

from config.load import load
from config.plan import make_plan
from day1.ssh import Address
from tests.components.api import Server, serving
from tests.components.stacks import written
from tests.verify.cilium_documents import NODES_PATH, SESSIONS_PATH, node
from verify import from_here, ssh_probes
from verify.libvirt_stack import LibvirtStack, libvirt_stack
from verify.metrics import Scraped
from verify.model import Check, Expected, Finding, Kind, Observed, Sight, Unseen
from verify.table import show

Addresses = Mapping[str, Address]


def stack(kubeconfig: str | None = None, **libvirt: object) -> LibvirtStack:
    """`dev`, as it was written."""
    return libvirt_stack(
        "dev",
        fabric=written("dev")["underlay:fabric"],
        libvirt=libvirt,
        host_keys={"dc1-router1": "key of router 1", "dc2-router1": "key of router 2"},
        management_key="private",
        kubeconfig=kubeconfig,
    )


@pytest.fixture
def api(tmp_path: Path) -> Iterator[Server]:
    """Every node has its session, and a health endpoint."""
    with serving(tmp_path) as found:
        nodes = {"dc1-controlplane1": "10.1.1.2", "dc2-worker1": "10.1.2.2"}
        peers: dict[str, list[dict[str, object]]] = {
            name: [{"name": "router", "peerAddress": address}] for name, address in nodes.items()
        }
        found.documents[SESSIONS_PATH] = {
            "items": [
                node(name, peer, [{**peer[0], "peeringState": "established"}])
                for name, peer in peers.items()
            ]
        }
        found.documents[NODES_PATH] = {
            "items": [
                {"metadata": {"name": name}, "spec": {"health": {"ipv4": f"10.9.0.{number}"}}}
                for number, name in enumerate(nodes)
            ]
        }
        yield found


@pytest.fixture
def routers(monkeypatch: pytest.MonkeyPatch) -> Callable[[LibvirtStack], dict[str, Sight]]:
    """Let routers be as planned; what is put in the result instead is seen as well."""

    def prepare(watched: LibvirtStack) -> dict[str, Sight]:
        seen: dict[str, Sight] = {
            name: as_planned(machine)
            for name, machine in watched.speakers().items()
            if machine.kind is Kind.ROUTER
        }

        def look_at_all(addresses: Addresses, _seconds: float) -> dict[str, Sight]:
            return {name: seen[name] for name in addresses}

        monkeypatch.setattr(ssh_probes, "look_at_all", look_at_all)
        monkeypatch.setattr(ssh_probes, "ask_all", lambda _addresses, _seconds: {})
        monkeypatch.setattr(ssh_probes, "run_all", lambda _addresses, _command, _seconds: {})
        monkeypatch.setattr(from_here, "findings", lambda _targets: iter(()))
        return seen

    return prepare


def as_planned(machine: Expected) -> Observed:
    return Observed(machine.routes, dict.fromkeys(machine.sessions, "Established"))


def test_of_routers_everything_is_expected_and_of_nodes_their_sessions() -> None:
    found = stack().speakers()
    assert list(found) == ["dc1-router1", "dc2-router1", "dc1-controlplane1", "dc2-worker1"]
    assert found["dc1-router1"].sessions == {
        "172.30.0.3": "dc2-router1",
        "10.1.1.11": "dc1-controlplane1",
    }
    assert "10.129.11.0/24" in found["dc1-router1"].routes
    assert found["dc2-worker1"] == Expected(
        "dc2-worker1", Kind.NODE, {}, {"10.1.2.2": "dc2-router1"}
    )


def test_without_a_cluster_routers_speak_with_each_other_alone_and_know_no_pods() -> None:
    found = stack(cluster=False).speakers()
    assert list(found) == ["dc1-router1", "dc2-router1"]
    assert found["dc1-router1"].sessions == {"172.30.0.3": "dc2-router1"}
    assert set(found["dc1-router1"].routes) == {
        *("default", "10.1.1.0/24", "10.1.2.0/24", "172.30.0.0/22", "172.31.0.0/22"),
        *("10.1.0.0/16", "10.96.0.0/12", "10.112.0.0/16", "10.113.0.0/16", "10.128.0.0/9"),
        "10.129.0.0/16",
    }


def test_routers_are_asked_by_their_wan_address_and_their_own_key(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked: dict[str, Address] = {}

    def look_at_all(addresses: Addresses, _seconds: float) -> dict[str, Sight]:
        asked.update(addresses)
        return dict.fromkeys(addresses, Observed(routes={}))

    monkeypatch.setattr(ssh_probes, "look_at_all", look_at_all)
    watched = stack()
    watched.look([watched.speakers()["dc2-router1"]])
    assert asked == {"dc2-router1": Address("172.31.0.12", "key of router 2", "private")}


def test_nodes_are_asked_for_together_and_only_if_any_is_wanted(
    api: Server, routers: Callable[[LibvirtStack], dict[str, Sight]]
) -> None:
    watched = stack(api.kubeconfig)
    routers(watched)
    machines = watched.speakers()
    assert watched.look(machines.values()) == {n: as_planned(m) for n, m in machines.items()}
    api.documents.clear()
    assert set(watched.look([machines["dc1-router1"]])) == {"dc1-router1"}


def test_a_node_that_cilium_does_not_know_shows_no_sessions(
    api: Server, routers: Callable[[LibvirtStack], dict[str, Sight]]
) -> None:
    watched = stack(api.kubeconfig)
    routers(watched)
    api.documents[SESSIONS_PATH] = {"items": []}
    machines = watched.speakers().values()
    assert watched.look(machines)["dc2-worker1"] == Observed(routes={})


def test_an_api_server_that_does_not_answer_hides_all_nodes(
    routers: Callable[[LibvirtStack], dict[str, Sight]],
) -> None:
    watched = stack("nothing of use")
    routers(watched)
    found = watched.look(watched.speakers().values())
    reasons = [seen.reason for seen in found.values() if isinstance(seen, Unseen)]
    assert len(reasons) == 2
    assert all("kubeconfig cannot be used" in reason for reason in reasons)


def table(watched: LibvirtStack) -> str:
    console = Console(record=True, width=100, file=io.StringIO())
    show(watched.report(), console)
    return "\n".join(line.rstrip() for line in console.export_text().splitlines())


def test_the_table_of_a_stack_that_is_as_planned(
    api: Server,
    routers: Callable[[LibvirtStack], dict[str, Sight]],
    snapshot: SnapshotAssertion,
) -> None:
    watched = stack(api.kubeconfig)
    routers(watched)
    assert watched.report().is_good
    assert table(watched) == snapshot


def test_the_table_of_a_stack_that_is_not(
    api: Server,
    monkeypatch: pytest.MonkeyPatch,
    routers: Callable[[LibvirtStack], dict[str, Sight]],
    snapshot: SnapshotAssertion,
) -> None:
    watched = stack(api.kubeconfig)
    seen = routers(watched)
    seen["dc2-router1"] = Unseen("root@172.31.0.12:22 does not answer by SSH within 5 s")
    api.documents[SESSIONS_PATH] = {"items": []}
    lost = Finding("dc2-worker1", Check.REACHED, "its pods cannot be reached from here")
    monkeypatch.setattr(from_here, "findings", lambda _targets: iter([lost]))
    assert not watched.report().is_good
    assert table(watched) == snapshot


def test_the_table_of_routers_alone(
    routers: Callable[[LibvirtStack], dict[str, Sight]], snapshot: SnapshotAssertion
) -> None:
    watched = stack(cluster=False)
    routers(watched)
    assert table(watched) == snapshot


def test_metrics_are_compared_and_nobody_says_who_else_can_read_them(
    monkeypatch: pytest.MonkeyPatch, routers: Callable[[LibvirtStack], dict[str, Sight]]
) -> None:
    fabric = {**written("dev")["underlay:fabric"], "observability": {"routers": True}}
    settings = load(fabric, libvirt={"cluster": False}, substrate="libvirt")
    watched = replace(stack(cluster=False), plan=make_plan(settings))
    seen = routers(watched)
    seen["dc2-router1"] = Unseen("root@172.31.0.12:22 does not answer by SSH within 5 s")

    def scrape_all(
        _addresses: Addresses, urls: Mapping[str, str], _seconds: float
    ) -> dict[str, Scraped]:
        """Of the one that answers."""
        return {"dc1-router1": Scraped(urls["dc1-router1"], "itself", problem="HTTP error 404")}

    monkeypatch.setattr(ssh_probes, "scrape_all", scrape_all)
    report = watched.report()
    assert [str(found) for found in report.findings if found.check is Check.METRICS] == [
        "dc1-router1: no metrics at http://10.1.1.2:9324/cgi-bin/metrics.sh, asked from itself: "
        "HTTP error 404"
    ]
    assert [
        (name, report.good(name, Check.METRICS), counts[Check.METRICS])
        for name, counts in report.checked.items()
    ] == [("dc1-router1", 1, 2), ("dc2-router1", 0, 2)]
    assert report.not_looked_at == (
        "whether others reach the routers' metrics: each was read on the router itself",
    )


@pytest.mark.parametrize("name", ["dev", "ndc"])
def test_settings_that_were_deployed_have_the_plan_they_had(name: str) -> None:
    config = written(name)
    settings = load(
        config["underlay:fabric"], libvirt=config["underlay:libvirt"], substrate="libvirt"
    )
    found = libvirt_stack(
        name,
        fabric=settings.fabric.model_dump(mode="json", exclude_defaults=True),
        libvirt=settings.libvirt.model_dump(mode="json", exclude_defaults=True),
        host_keys={},
        management_key="",
        kubeconfig="",
    )
    assert found.plan == make_plan(settings)
