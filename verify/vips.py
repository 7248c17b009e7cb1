"""Asks every service at its addresses of each family, from pods, routers and outside.

Pods ask by their own node, which translates. Routers ask by the routes that nodes have announced,
as whatever is outside of the cluster does.
"""

from __future__ import annotations

import json
import socket
from collections import Counter
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException
from ipaddress import ip_address
from typing import cast

from config.families import Address, family_of, of
from config.load_balancing import AddressType
from config.plan import Plan
from config.services import Service
from twin import namespaces
from twin.load_balancer import LOOPBACK
from twin.place import Place
from twin.twin import WAN_HOST, wan_routes
from verify import reach
from verify.model import Check, Finding, Kind

_ROUNDS = 3
_ANSWER_SECONDS = 2.0
_AT_A_TIME = 32


@dataclass(frozen=True, slots=True)
class Client:
    """Who asks in one family: the machine that answers for it in the report, and its address."""

    name: str
    machine: str
    kind: Kind
    address: Address


@dataclass(frozen=True, slots=True)
class Question:
    """One client's question to one address of a service.

    `pods` are those that may answer. `keeps_client`: they see the client's own address.
    """

    client: Client
    service: str
    address: Address
    port: int
    pods: frozenset[str]
    keeps_client: bool


@dataclass(frozen=True, slots=True)
class Answer:
    """What a backend says: who it is, and as whom it saw the client."""

    pod: str
    client: str


#: An answer, or why there is none.
Answers = Mapping[Question, Answer | str]


def questions(plan: Plan) -> list[Question]:
    """Everybody's question to each announced address of each service."""
    services = plan.load_balancing
    return [
        Question(
            client=client,
            service=service.name,
            address=of(family_of(client.address), service.addresses[kind]),
            port=service.port,
            pods=frozenset(backend.pod for backend in service.backends),
            keeps_client=_keeps_client(client, service, kind),
        )
        for client in _clients(plan)
        for service in services.demo
        for kind in services.announce
    ]


def counts(plan: Plan) -> dict[str, dict[Check, int]]:
    """How many questions are asked on each machine."""
    found = Counter(question.client.machine for question in questions(plan))
    return {machine: {Check.VIPS: count} for machine, count in found.items()}


def ask(stack: str, plan: Plan, *, rounds: int = _ROUNDS) -> Answers:
    """Ask all questions. Takes at most some seconds; what is not answered is asked again."""
    answers: dict[Question, Answer | str] = {}
    with ThreadPoolExecutor(_AT_A_TIME) as pool:
        for _ in range(rounds):
            open_questions = [q for q in questions(plan) if not isinstance(answers.get(q), Answer)]
            found = pool.map(lambda question: _asked(stack, question), open_questions)
            answers.update(zip(open_questions, found, strict=True))
    return answers


def findings(plan: Plan, answers: Answers) -> Iterator[Finding]:
    """What was not answered, or by the wrong pod, or with the client's address changed."""
    nodes = frozenset(str(address.ip) for node in plan.nodes for address in node.lan.addresses)
    for question in questions(plan):
        answer = answers.get(question, "it was not asked")
        if complaint := _complaint(question, answer, nodes):
            address = str(question.address)
            yield Finding(question.client.machine, Check.VIPS, complaint, address)


def _keeps_client(client: Client, service: Service, kind: AddressType) -> bool:
    """Pods are translated at their own node, which leaves their address as it is."""
    return service.is_local(kind) or client.kind is Kind.POD


def _complaint(question: Question, answer: Answer | str, nodes: frozenset[str]) -> str | None:
    client = question.client
    whom = f"{question.service} at {question.address}"
    if isinstance(answer, str):
        return f"{client.name} gets no answer from {whom}: {answer}"
    if answer.pod not in question.pods:
        return f"{whom} is answered by {answer.pod}, which is no pod of it"
    seen_as = _seen_as(question, answer, nodes)
    if answer.client not in seen_as:
        wanted = " or ".join(sorted(seen_as - nodes))
        return f"{answer.pod} of {whom} sees {client.name} as {answer.client}, not {wanted}"
    return None


def _seen_as(question: Question, answer: Answer, nodes: frozenset[str]) -> frozenset[str]:
    """The addresses that a pod may see its client by."""
    client = question.client
    if answer.pod == client.name:
        return frozenset({str(LOOPBACK[family_of(client.address)])})
    own = frozenset({str(client.address)})
    return own if question.keeps_client else own | nodes


def _clients(plan: Plan) -> Iterator[Client]:
    """Who asks, once in each family."""
    for router in plan.routers:
        for address in router.lan.addresses:
            yield Client(router.name, router.name, Kind.ROUTER, address.ip)
    for pod in reach.pods(plan):
        yield Client(pod.name, pod.node, Kind.POD, ip_address(pod.address))
    ways = wan_routes(plan)
    announced = [network for network, _ in plan.load_balancing.announced]
    reached = {family_of(network) for network in announced if network in ways}
    for gateway in plan.wan_gateways:
        if family_of(gateway) in reached:
            yield Client(WAN_HOST, WAN_HOST, Kind.HOST, gateway.ip)


def _asked(stack: str, question: Question) -> Answer | str:
    place = Place(stack, question.client.name)
    if not place.stands:
        return "it is gone"
    with namespaces.inside(place.namespace):
        family = socket.AF_INET6 if question.address.version == 6 else socket.AF_INET
        connection = socket.socket(family, socket.SOCK_STREAM)
    try:
        with closing(connection):
            connection.settimeout(_ANSWER_SECONDS)
            connection.connect((str(question.address), question.port))
            return _answer(connection)
    except (OSError, HTTPException, ValueError, KeyError) as error:
        return str(getattr(error, "strerror", None) or error or type(error).__name__)


def _answer(connection: socket.socket) -> Answer:
    with closing(HTTPConnection("service")) as http:
        http.sock = connection
        http.request("GET", "/", headers={"Connection": "close"})
        said = cast("dict[str, str]", json.load(http.getresponse()))
    return Answer(said["pod"], said["client"])
