"""A twin's metrics on the real engine: every target answers as Prometheus would ask it."""

from __future__ import annotations

import http.client
from contextlib import closing
from typing import Any

import pytest

from tests.engine.stack import Stack
from twin import birdc, daemons, iproute, namespaces, web
from twin.router import control_socket
from verify import metrics, probes
from verify.metrics import ups
from verify.model import Check

pytestmark = [pytest.mark.engine, pytest.mark.twin, pytest.mark.timeout(300)]

_WITH_METRICS = {"datacentres": 2, "observability": {"routers": True}}


def get(stack: Stack, machine: str, target: str, path: str) -> str:
    """What a machine gets from a target."""
    connection = http.client.HTTPConnection(target, timeout=10)
    with namespaces.inside(stack.place(machine).namespace), closing(connection):
        connection.request("GET", path)
        answer = connection.getresponse()
        assert answer.status == 200
        assert answer.headers["Content-Type"] == "text/plain; version=0.0.4"
        return answer.read().decode()


def test_every_target_answers_from_every_datacentre_and_agrees_with_bird(stack: Stack) -> None:
    stack.configure(_WITH_METRICS)
    stack.up()
    report = stack.verify()
    assert report.findings == ()
    assert report.checked["dc1-router1"][Check.METRICS] == 4  # it answers, and three sessions
    scrape: Any = stack.outputs()["scrape"]
    assert scrape["cilium-agent"] == scrape["hubble"] == []
    assert len(scrape["underlay-routers"]) == 2
    for config in scrape["underlay-routers"]:
        (target,), labels = config["targets"], config["labels"]
        states = birdc.sessions(control_socket(stack.place(labels["router"])))
        assert set(states.values()) == {"Established"}
        for reader in ("dc1-worker1", "dc2-worker2", "dc2-worker1-pod1"):
            told = ups(get(stack, reader, target, labels["__metrics_path__"]))
            assert told == dict.fromkeys(told, True)
            assert len(told) == len(states)
    stack.succeed("preview", "--expect-no-changes")
    _nobody_reads_them_from_the_wan(stack)
    _metrics_come_back_after_their_server_has_ended(stack)
    _a_session_that_is_down_is_told_by_both(stack)
    stack.configure({"datacentres": 2})
    assert set(stack.preview().values()) == {"same", "update"}
    stack.up()
    assert stack.verify().findings == ()
    assert not daemons.running_in(stack.place("dc1-router1").folder, web.PROGRAM)
    stack.destroy()
    assert stack.remains() == []


def _nobody_reads_them_from_the_wan(stack: Stack) -> None:
    """Not even who has a route to the address."""
    wan, path = stack.place("internet"), "/cgi-bin/metrics.sh"
    iproute.batch(wan.namespace, ["route add 10.1.1.0/24 via 172.31.0.10"])
    with pytest.raises(ConnectionRefusedError):
        get(stack, "internet", "10.1.1.2:9324", path)
    iproute.batch(wan.namespace, ["route del 10.1.1.0/24"])


def _metrics_come_back_after_their_server_has_ended(stack: Stack) -> None:
    daemons.end_all(stack.place("dc2-router1").folder, web.PROGRAM)
    (finding,) = stack.verify().findings
    assert str(finding).startswith(
        "dc2-router1: no metrics at http://10.1.2.2:9324/cgi-bin/metrics.sh, asked from "
        "dc1-controlplane1: "
    )
    stack.up("--refresh")
    assert stack.verify().findings == ()


def _a_session_that_is_down_is_told_by_both(stack: Stack) -> None:
    place = stack.place("dc1-router1")
    birdc.ask(control_socket(place), "disable node_dc1_worker1")
    plan = stack.plan()
    assert list(metrics.findings(plan, probes.scrape_routers(stack.name, plan))) == []
    told = ups(get(stack, "dc2-worker1", "10.1.1.2:9324", "/cgi-bin/metrics.sh"))
    assert [name for name, is_up in told.items() if not is_up] == ["node_dc1_worker1"]
    birdc.ask(control_socket(place), "enable node_dc1_worker1")
    stack.up("--refresh")
    assert stack.verify().findings == ()
