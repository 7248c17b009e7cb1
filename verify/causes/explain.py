"""Gives findings their causes: looks closer at what each is about, and has it judged."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from ipaddress import ip_network

from config.families import Address
from config.load_balancing import AddressType
from config.machines import Router
from config.plan import Plan
from config.services import Service
from config.sessions import Session, SessionKind
from verify import expectations
from verify.causes import bfd, egress, limits, routes, services, sessions, subjects, traffic
from verify.causes.evidence import Told, Witness
from verify.causes.looks import Looks
from verify.model import Cause, Check, Finding, Kind


def explained(plan: Plan, findings: Sequence[Finding], witness: Witness) -> tuple[Finding, ...]:
    """The findings, with the causes of each that has any. Without findings nothing is asked."""
    judge = _Judge(plan, witness, Looks(plan, witness), tuple(findings))
    return tuple(
        replace(finding, causes=tuple(dict.fromkeys(judge.causes(finding)))) for finding in findings
    )


@dataclass(frozen=True)
class _Judge:
    """One verification's findings, and what was looked at for them: nothing twice."""

    plan: Plan
    witness: Witness
    looks: Looks
    findings: tuple[Finding, ...]
    _sessions: dict[frozenset[Address], list[Cause]] = field(default_factory=dict)
    _bfd: dict[frozenset[Address], list[Cause]] = field(default_factory=dict)

    def causes(self, finding: Finding) -> Iterable[Cause]:
        """Of one finding. What is about no part of the plan has none."""
        match finding.check:
            case Check.SESSIONS:
                return self._of_session(finding)
            case Check.BFD:
                return self._of_bfd(finding)
            case Check.ROUTES:
                return self._of_route(finding)
            case Check.ANNOUNCEMENTS:
                return self._of_announcement(finding)
            case Check.WAN:
                return egress.of_pod(self.looks, finding.about, next(iter(finding.ways), ""))
            case Check.VIPS:
                return self._of_traffic(finding)
            case _:
                return ()

    def _of_session(self, finding: Finding) -> Iterable[Cause]:
        """Both ends have a finding, and the same causes."""
        session = subjects.session(self.plan, finding.machine, finding.about)
        if session is None:
            return ()
        pair = frozenset({session.local_address, session.neighbor})
        if pair not in self._sessions:
            self._sessions[pair] = self._look_at(session, finding.machine)
        return self._sessions[pair]

    def _look_at(self, session: Session, machine: str) -> list[Cause]:
        neighbor = session.neighbor_name
        there = subjects.back(self.plan, session)
        seen = [(session, self.witness.end(session, machine))]
        seen += [(there, self.witness.end(there, neighbor))]
        sides = [(of, end) for of, end in seen if end is not None]
        return sessions.causes(sides, self.witness.ways(session, machine))

    def _of_bfd(self, finding: Finding) -> Iterable[Cause]:
        """Without the BGP session that asks for it, whatever keeps that away is the cause."""
        session = subjects.session(self.plan, finding.machine, finding.about)
        if session is None:
            return ()
        if self._is_down(finding.machine, session):
            return [_down(session, "asks for it")]
        pair = frozenset({session.local_address, session.neighbor})
        if pair not in self._bfd:
            sides = bfd.sides(self.plan, self.witness, session, finding.machine)
            self._bfd[pair] = list(bfd.causes(self.plan, sides))
        return self._bfd[pair]

    def _of_route(self, finding: Finding) -> Iterator[Cause]:
        router, prefix = subjects.router(self.plan, finding.machine), finding.about
        if router is None:
            return
        planned = self._planned(router).get(prefix, frozenset())
        lost = planned - finding.ways
        told = self.looks.told_by(router)
        yield from routes.next_hops(router.name, prefix, planned, finding.ways, told)
        for session in self.plan.sessions[router.name]:
            if str(session.neighbor) in lost and str(session.neighbor) not in told.vias.get(
                prefix, frozenset()
            ):
                yield from self._of_way(router, prefix, session, told)

    def _of_way(self, router: Router, prefix: str, session: Session, told: Told) -> Iterator[Cause]:
        """Why a neighbor is not the way to a prefix that the plan has it be."""
        if self._is_down(router.name, session):
            yield _down(session, "tells of it")
            return
        refused = list(routes.refused(router.name, prefix, session, told))
        yield from refused
        node = subjects.node(self.plan, session.neighbor_name)
        if refused or node is None:
            return
        wanted = self._service(prefix)
        world = self.looks.world(node)
        if gateway := egress.gateway(self.plan, node.name, routes.network(prefix)):
            if world is not None:
                yield from egress.unannounced(gateway, world, self.looks.addresses(node))
        elif wanted is None:
            if world is not None and world.announced is not None:
                yield from routes.unannounced(node.name, prefix, world.announced)
        elif world is not None:
            yield from services.causes(*wanted, node.name, world)

    def _of_announcement(self, finding: Finding) -> Iterator[Cause]:
        router = subjects.router(self.plan, finding.machine)
        session = subjects.session(self.plan, finding.machine, finding.about)
        if router is None or session is None:
            return
        end = self.witness.end(session, router.name)
        security = self.plan.security
        is_node = session.neighbor_kind is SessionKind.NODE
        allowed = security.node_limits if is_node else security.router_limits
        for speaker in (end.speakers if end else None) or ():
            if speaker.neighbor == finding.about:
                yield from limits.causes(router.name, session, speaker, allowed)
        yield from routes.spoken_for_others(session, self.looks.told_by(router))

    def _of_traffic(self, finding: Finding) -> Iterator[Cause]:
        wanted = self._service(finding.about)
        if wanted is None:
            return
        service, *_ = wanted
        worlds = [world for node in self.plan.nodes if (world := self.looks.world(node))]
        prefixes = {finding.about, routes.network(finding.about)}
        yield from traffic.causes(
            service,
            finding.about,
            clients={
                self._kind(other.machine)
                for other in self.findings
                if other.check is Check.VIPS and other.about == finding.about
            },
            ready=worlds[0].ready if worlds else {b.pod for b in service.backends},
            untranslated=[
                node.name
                for node in self.plan.nodes
                if self.witness.untranslated(node, finding.about)
            ],
            without_route=[
                other.machine
                for other in self.findings
                if other.check is Check.ROUTES and other.about in prefixes
            ],
        )

    def _is_down(self, machine: str, session: Session) -> bool:
        return any(
            finding.check is Check.SESSIONS
            and finding.machine == machine
            and finding.about == str(session.neighbor)
            for finding in self.findings
        )

    def _planned(self, router: Router) -> Mapping[str, frozenset[str]]:
        (site,) = (site for site in self.plan.sites if router in site.routers)
        return expectations.router(self.plan, site, router).routes

    def _service(self, prefix: str) -> tuple[Service, AddressType, Address] | None:
        """The service, and its address with its kind, that a prefix is announced for."""
        network = ip_network(routes.network(prefix))
        load_balancing = self.plan.load_balancing
        for service in load_balancing.demo:
            for kind in load_balancing.announce:
                for address in service.addresses[kind]:
                    if address in network:
                        return service, kind, address
        return None

    def _kind(self, machine: str) -> Kind:
        """Of who asks: what asks on a node is a pod."""
        if subjects.router(self.plan, machine):
            return Kind.ROUTER
        return Kind.POD if subjects.node(self.plan, machine) else Kind.HOST


def _down(session: Session, does: str) -> Cause:
    return Cause(
        f"the session with {session.neighbor_name}, which {does}, is not established",
        "see the finding on that session: it has the cause",
    )
