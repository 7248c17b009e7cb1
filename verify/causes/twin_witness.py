"""Looks more closely at a twin: into every namespace, daemon and document of it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from ipaddress import ip_address

from config.families import Address, family_of, single
from config.machines import Node, Router
from config.plan import Plan
from config.sessions import Session
from render import bird
from render.cilium import LISTEN_PORT
from twin import (
    agentd,
    birdc,
    cilium,
    daemons,
    gobgp,
    gobgpd,
    iproute,
    lb_ipam,
    load_balancer,
    manifest,
    steering,
)
from twin.machine import MissingProgramError, run_nft
from twin.nft import WORDS
from twin.place import Place
from twin.router import control_socket
from verify import announcements
from verify.causes import bird_words, tcp_probe
from verify.causes.cards import cards
from verify.causes.evidence import Answer, BfdEnd, End, Log, Speaker, Told, Way, World

_BGP_PORT = 179
_PASSWORD = re.compile(r'^define (\w+) = "(.*)";$', re.MULTILINE)


@dataclass(frozen=True)
class TwinWitness:
    """The machines of a stack on this machine. Of one that is gone there is nothing to see."""

    stack: str
    plan: Plan

    def end(self, session: Session, machine: str) -> End:
        """What its daemon is set to, and its cards."""
        place = Place(self.stack, machine)
        if not place.stands:
            return End(machine, None)
        (links,) = iproute.query(place.namespace, ["address show"])
        addresses, down = cards(links, str(session.local_address))
        speakers = self._of_bird(place) if self._is_router(machine) else _of_gobgp(place)
        return End(machine, speakers, addresses, down)

    def ways(self, session: Session, machine: str) -> Sequence[Way]:
        """By signed connections and pings, in both directions."""
        ends = [(machine, session.local_address), (session.neighbor_name, session.neighbor)]
        if not all(Place(self.stack, name).stands for name, _ in ends):
            return ()
        return [self._way(session, *ends), self._way(session, *reversed(ends))]

    def bfd(self, router: str) -> BfdEnd | None:
        """What its BIRD says, and the file that it has read."""
        place = Place(self.stack, router)
        with suppress(birdc.BirdError, FileNotFoundError):
            text = (place.folder / bird.CONFIGURATION.lstrip("/")).read_text()
            sessions = birdc.bfd_sessions(control_socket(place))
            return BfdEnd(router, sessions, text, datetime.now())
        return None

    def told(self, router: Router) -> Told:
        """What its BIRD says of its routes."""
        socket = control_socket(Place(self.stack, router.name))
        with suppress(birdc.BirdError):
            refused = birdc.ask(socket, announcements.QUESTIONS[0])
            return Told(
                bird_words.vias(birdc.ask(socket, "show route")),
                tuple(announcements.refused(refused)),
            )
        return Told()

    def log(self, router: Router) -> Log:
        """BIRD's log since its last start."""
        file = Place(self.stack, router.name).folder / "bird.log"
        with suppress(FileNotFoundError):
            return Log(file.read_text(errors="replace").splitlines(), datetime.now())
        return Log()

    def world(self, node: Node) -> World | None:
        """The documents that its agent has, who answers, and what its GoBGP announces."""
        place = Place(self.stack, node.name)
        try:
            agent = agentd.known(place)
        except FileNotFoundError:
            return None
        documents = [manifest.document(text) for text in agent.manifests]
        of_kind = {
            kind: [item for item in documents if item.get("kind") == kind]
            for kind in ("CiliumLoadBalancerIPPool", "Service")
        }
        families = cilium.families(agent.values)
        given = lb_ipam.assign(of_kind["CiliumLoadBalancerIPPool"], of_kind["Service"], families)
        return World(
            manifests=documents,
            given={name: frozenset(map(str, addresses)) for name, addresses in given.items()},
            ready=agent.ready(),
            announced=_announced(place),
            is_running=bool(daemons.running_in(place.folder, agentd.PROGRAM)),
            node=manifest.document(agent.node),
        )

    def untranslated(self, node: Node, address: str) -> bool | None:
        """From the rules that its agent has made: for its pods, and for whom it announces it to."""
        place = Place(self.stack, node.name)
        if not place.stands:
            return None
        prefix = single(ip_address(address))
        chains = ["inside", *(["outside"] if str(prefix) in _announced(place) else [])]
        match = f"{WORDS[family_of(prefix)]} daddr {address} "
        return not all(
            match in _listed(place, "chain", f"{load_balancer.TABLE} {chain}") for chain in chains
        )

    def unsteered(self, node: Node, pod: str) -> bool | None:
        """From the rules that its agent has made."""
        place = Place(self.stack, node.name)
        if not place.stands:
            return None
        family = family_of(ip_address(pod))
        rule = f"{WORDS[family]} saddr {pod} "
        return rule not in _listed(place, "table", steering.table(family))

    def _way(self, session: Session, near: tuple[str, Address], far: tuple[str, Address]) -> Way:
        (source, own), (destination, other) = near, far
        port = _BGP_PORT if self._is_router(destination) else LISTEN_PORT
        here, there = Place(self.stack, source).namespace, Place(self.stack, destination).namespace
        password = self._password(session, source, other)
        answer = tcp_probe.answer(tcp_probe.Route(here, own, there, other, port, password))
        is_through = answer in (Answer.OPEN, Answer.UNSIGNED)
        return Way(
            source=source,
            destination=destination,
            port=port,
            answer=answer,
            is_pinged=is_through or tcp_probe.pinged(here, own, other),
            listens=tcp_probe.listens(there, port),
        )

    def _password(self, session: Session, machine: str, neighbor: Address) -> str | None:
        """What the machine signs with to this neighbor, whatever the plan says."""
        place = Place(self.stack, machine)
        if not self._is_router(machine):
            with suppress(gobgp.GobgpError), gobgp.connect(gobgpd.api_socket(place)) as client:
                found = client.neighbors().get(neighbor)
                return found.password if found else None
        if session.password is not None:
            with suppress(FileNotFoundError):
                text = (place.folder / bird.PASSWORDS.lstrip("/")).read_text()
                return dict(_PASSWORD.findall(text)).get(bird.password_name(session.password))
        return None

    def _is_router(self, machine: str) -> bool:
        return machine in self._routers

    @cached_property
    def _routers(self) -> frozenset[str]:
        return frozenset(router.name for router in self.plan.routers)

    def _of_bird(self, place: Place) -> tuple[Speaker, ...] | None:
        with suppress(birdc.BirdError):
            return bird_words.speakers(birdc.ask(control_socket(place), "show protocols all"))
        return None


def _of_gobgp(place: Place) -> tuple[Speaker, ...] | None:
    if not daemons.running_in(place.folder, gobgpd.PROGRAM):
        return None
    with suppress(gobgp.GobgpError), gobgp.connect(gobgpd.api_socket(place)) as client:
        return tuple(
            Speaker(str(address), neighbor.asn, neighbor.local_asn)
            for address, neighbor in client.neighbors().items()
        )
    return None


def _announced(place: Place) -> frozenset[str]:
    if not daemons.running_in(place.folder, gobgpd.PROGRAM):
        return frozenset()
    with suppress(gobgp.GobgpError), gobgp.connect(gobgpd.api_socket(place)) as client:
        return frozenset(map(str, client.prefixes()))
    return frozenset()


def _listed(place: Place, kind: str, name: str) -> str:
    """A table's or chain's rules; nothing where there is no such."""
    with suppress(MissingProgramError):
        return run_nft(place, ["list", kind, *name.split()])
    return ""
