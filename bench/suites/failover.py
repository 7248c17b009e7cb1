"""What the loss of a part costs those who talk: outages with BFD, packets lost by restarts."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from functools import partial

from bench.engine import workshop
from bench.failures import close_black_hole, kill, open_black_hole, revive, wait_until
from bench.pings import INTERVAL_SECONDS, Pings, pinging
from bench.samples import Spread, alternate, spread
from bench.section import BenchError, Options, Section
from config.families import Address, Family
from config.load import load
from config.plan import Plan, make_plan
from twin import iproute, preflight
from twin.place import Place
from twin.segment import port
from verify.expectations import pod_addresses, pod_name
from verify.twin_stack import TwinStack
from verify.waiting import wait

_PODS = 8
_FABRIC: Mapping[str, object] = {
    "datacentres": [{"routers": 2, "nodes": 1}, {"routers": 2, "nodes": 1}],
    "redundancy": {"bfd": {"enabled": True}},
    "twin": {"pods_per_node": _PODS},
}
_ANSWERS = 200
_LIMIT_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Scene:
    """A standing twin, and a pod of dc1 that pings one of dc2 by `lost`, which is no gateway."""

    stack: str
    plan: Plan
    pod: Place
    far_pod: Address
    lost: Place

    def place(self, machine: str) -> Place:
        """Where a machine stands."""
        return Place(self.stack, machine)


def run(options: Options) -> Section:
    """Measure each event as often as asked."""
    plan = make_plan(load(_FABRIC))
    if found := preflight.findings(plan, "bench", preflight.inspect()):
        raise BenchError(preflight.complaint(found))
    with workshop() as shop, shop.twin(_FABRIC) as stack:
        options.say("failover: bringing up two datacentres with two routers each")
        stack.up()
        scene = _scene(stack.name, plan)
        taken = alternate(
            options.runs,
            _EVENTS,
            lambda event: _measure(scene, _EVENTS[event]),
            lambda run, event, pings: options.say(
                f"failover: {event} {run}: {len(pings.lost)} of {len(pings.sent)} lost"
            ),
        )
        stack.destroy()
    detection = plan.bfd.detection_time_ms
    return Section(
        title="What a loss costs a ping between two datacentres with two routers each",
        columns=("event", "pings lost", "outage, ms", "goal"),
        rows=tuple(_row(event, pings, detection) for event, pings in taken.items()),
        notes=(
            f"BFD: {plan.bfd.interval_ms} ms × {plan.bfd.multiplier}, so {detection} ms to detect. "
            f"A ping each {INTERVAL_SECONDS * 1000:.0f} ms at best.",
        ),
        data={
            event: {
                "lost": [len(each.lost) for each in pings],
                "sent": [len(each.sent) for each in pings],
                "outage_seconds": [each.longest_outage_seconds for each in pings],
            }
            for event, pings in taken.items()
        },
    )


def _row(event: str, pings: list[Pings], detection_ms: int) -> tuple[str, ...]:
    outage: Spread = spread(pings, lambda each: each.longest_outage_seconds * 1000)
    lost: Spread = spread(pings, lambda each: len(each.lost))
    goal = "0 lost" if event in _LOSSLESS else f"≤ {detection_ms} ms"
    return event, lost.text(digits=0), outage.text(digits=0), goal


def _measure(scene: Scene, event: Callable[[Scene], AbstractContextManager[None]]) -> Pings:
    with pinging(scene.pod, scene.far_pod) as pings:
        _await_answers(pings)
        with event(scene):
            _await_answers(pings)
        # What is mended is no part of the loss.
        seen = Pings(pings.sent[:], pings.answered)
        wait(TwinStack(scene.stack, scene.plan), _LIMIT_SECONDS)
    wait_until(lambda: _way(scene, scene.far_pod) == scene.lost.machine, "the way is as before")
    return seen


@contextmanager
def _black_hole(scene: Scene) -> Iterator[None]:
    open_black_hole(scene.lost)
    try:
        yield
    finally:
        close_black_hole(scene.lost)


@contextmanager
def _link_cut(scene: Scene) -> Iterator[None]:
    planned = next(r for r in scene.plan.routers if r.name == scene.lost.machine)
    cable, segment = port(planned.peering.mac), scene.place("peering").namespace
    iproute.batch(segment, [f"link set {cable} down"])
    try:
        yield
    finally:
        iproute.batch(segment, [f"link set {cable} up"])


@contextmanager
def _restart(scene: Scene, machine: str, program: str) -> Iterator[None]:
    kill(scene.place(machine), program)
    revive(scene.place(machine))
    wait(TwinStack(scene.stack, scene.plan), _LIMIT_SECONDS)
    yield


_LOSSLESS: Mapping[str, Callable[[Scene], AbstractContextManager[None]]] = {
    "a node's agent is killed and restarted": partial(
        _restart, machine="dc2-worker1", program="gobgpd"
    ),
    "the near router's BIRD is killed and restarted": partial(
        _restart, machine="dc1-router1", program="bird"
    ),
    "the far router's BIRD is killed and restarted": partial(
        _restart, machine="dc2-router2", program="bird"
    ),
}
_EVENTS: Mapping[str, Callable[[Scene], AbstractContextManager[None]]] = {
    "a router in a black hole, its link up": _black_hole,
    "a router's link is cut": _link_cut,
    **_LOSSLESS,
}


def _scene(stack: str, plan: Plan) -> Scene:
    """The first pod that is reached by the router that is no gateway."""
    near, far = plan.sites
    lost = far.routers[1].name
    for address in pod_addresses(plan, far.nodes[0], Family.IPV4):
        pod = Place(stack, pod_name(near.nodes[0], 1))
        scene = Scene(stack, plan, pod, address, Place(stack, lost))
        if _way(scene, address) == lost:
            return scene
    raise BenchError(f"none of {_PODS} pods is reached by {lost}")


def _way(scene: Scene, to: Address) -> str:
    """The router by which a ping from the near pod goes: the kernel's choice of several."""
    near = scene.plan.sites[0]
    source = pod_addresses(scene.plan, near.nodes[0], Family.IPV4)[0]
    question = f"route get {to} from {source} iif br-lan ipproto icmp"
    (routes,) = iproute.query(scene.place(near.routers[0].name).namespace, [question])
    by_address = {str(r.peering.address.ip): r.name for r in scene.plan.routers}
    return by_address.get(str(routes[0].get("gateway")), "")


def _await_answers(pings: Pings) -> None:
    since = len(pings.sent)
    wait_until(lambda: pings.answered_since(since) >= _ANSWERS, "pings are answered again")
