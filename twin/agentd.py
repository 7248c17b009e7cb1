"""`python -m twin.agentd FILE`: what a node's agent does all the time, as far as the twin needs it.

It holds a connection with every pod behind a service. When one ends, the pod is gone, and the node
announces and translates what is left, within milliseconds. On a real cluster the kubelet, the API
server and the EndpointSlices stand in between.
"""

from __future__ import annotations

import selectors
import socket
import sys
import time
from pathlib import Path

from twin import backends, daemons, gobgp, gobgpd
from twin.agent import Agent
from twin.machine import run_nft, write_file
from twin.place import Place
from twin.services import Endpoint

PROGRAM = "twin.agentd"
_FILE = "agent.json"

#: How often a pod that does not answer is tried, as a readiness probe would.
_PROBE_SECONDS = 0.1

#: How long a GoBGP that does not answer is left alone.
_PAUSE_SECONDS = 1.0


def start(agent: Agent) -> None:
    """Start it with what is known now; not at all where there is no service."""
    place = agent.place
    file = write_file(place.folder, _FILE, agent.as_text(), mode=0o600)
    if not agent.services:
        return
    command = [sys.executable, "-m", PROGRAM, str(file)]
    environment = {"PYTHONPATH": str(backends.SOURCES)}
    daemons.start(place.namespace, command, folder=place.folder, environment=environment)


def end(node: Place) -> None:
    """End it, where it runs."""
    daemons.end_all(node.folder, PROGRAM)


def known(node: Place) -> Agent:
    """What it was last started with. Raises `FileNotFoundError` where there never was one."""
    return Agent.from_text((node.folder / _FILE).read_text())


def drift(agent: Agent) -> list[str]:
    """Which of the node's backends do not run, and whether the daemon itself does not."""
    found = [
        f"the backend in {endpoint.pod} is not running"
        for endpoint in agent.own_endpoints
        if not backends.is_running(agent.stack, endpoint)
    ]
    if agent.services and not daemons.running_in(agent.place.folder, PROGRAM):
        found.append("the agent is not running")
    return found


class Watch:
    """The connections with the pods that live."""

    def __init__(self, agent: Agent) -> None:
        self._agent = agent
        self._links: dict[Endpoint, socket.socket] = {}
        self._selector = selectors.DefaultSelector()

    def look(self) -> frozenset[str]:
        """Try those that are not connected; the pods that live."""
        for endpoint in self._agent.endpoints:
            if endpoint not in self._links:
                link = backends.connect(self._agent.stack, endpoint)
                if link:
                    self._links[endpoint] = link
                    self._selector.register(link, selectors.EVENT_READ, endpoint)
        return frozenset(endpoint.pod for endpoint in self._links)

    def wait(self) -> None:
        """Until one ends, or it is time to try those that are not there."""
        is_complete = len(self._links) == len(self._agent.endpoints)
        for key, _ in self._selector.select(None if is_complete else _PROBE_SECONDS):
            self._selector.unregister(key.fileobj)
            self._links.pop(key.data).close()


def follow(agent: Agent) -> None:
    """Keep GoBGP and the rules what they should be, for ever.

    What is gone is withdrawn before the rules change, and what is new is announced after.
    """
    watch = Watch(agent)
    applied: frozenset[str] | None = None
    with gobgp.connect(gobgpd.api_socket(agent.place)) as client:
        while True:
            ready = watch.look()
            if ready != applied:
                try:
                    _apply(agent, client, ready)
                    applied = ready
                except gobgp.GobgpError as error:
                    print(error, file=sys.stderr, flush=True)
                    time.sleep(_PAUSE_SECONDS)
            watch.wait()


def _apply(agent: Agent, client: gobgp.Client, ready: frozenset[str]) -> None:
    speaker = agent.speaker(ready)
    if speaker:
        client.withdraw_others(speaker)
    run_nft(agent.place, ["-f", "-"], agent.rules(ready))
    if speaker:
        client.announce(speaker)


def main() -> None:
    """Follow what the file says."""
    follow(Agent.from_text(Path(sys.argv[1]).read_text()))


if __name__ == "__main__":
    main()
