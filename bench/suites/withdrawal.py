"""From the end of a service's only pod to the last router that has forgotten its address."""

from __future__ import annotations

import os
import signal
import time
from dataclasses import dataclass

from bench.engine import workshop
from bench.fabrics import SMALL, Shape, require
from bench.route_watch import RouteWatch
from bench.samples import alternate, spread
from bench.section import Options, Section
from config.families import Address
from config.load import load
from config.load_balancing import TrafficPolicy
from config.plan import Plan, make_plan
from twin import backends, cilium, cluster, daemons
from twin.manifest import document
from twin.place import Place
from twin.services import Endpoint, services
from verify import probes

_LARGER = Shape(8, 2)
_POLICIES = (TrafficPolicy.LOCAL, TrafficPolicy.CLUSTER)


@dataclass(frozen=True, slots=True)
class Outage:
    """Milliseconds after the pod was killed, and after it was started again."""

    first_router: float
    last_router: float
    back: float


def run(options: Options) -> Section:
    """Measure."""
    shapes = (SMALL,) if options.quick else (SMALL, _LARGER)
    require(*shapes)
    rows: list[tuple[str, ...]] = []
    data: dict[str, object] = {}
    for shape in shapes:
        for policy, outages in _measure(shape, options).items():
            parts = {
                "first_router": spread(outages, lambda outage: outage.first_router),
                "last_router": spread(outages, lambda outage: outage.last_router),
                "back": spread(outages, lambda outage: outage.back),
            }
            withdrawing = 1 if policy is TrafficPolicy.LOCAL else shape.datacentres * shape.nodes
            texts = (part.text(digits=1) for part in parts.values())
            rows.append((str(shape), str(policy), str(withdrawing), *texts))
            data[f"{shape} {policy}"] = {name: part.values for name, part in parts.items()}
    return Section(
        title="Withdrawal of a VIP whose only pod is killed, in milliseconds",
        columns=(
            *("datacentres × nodes", "externalTrafficPolicy", "nodes that withdraw"),
            *("first router", "last router", "back again"),
        ),
        rows=tuple(rows),
        notes=(
            "From SIGKILL to the kernel's own word that the route is gone, and from the start of "
            "the pod's process to the last router's new route.",
            "The twin's agent sees the process end. On a cluster the kubelet, the API server and "
            "the EndpointSlice stand in between, which is not in these figures.",
        ),
        data=data,
    )


def _measure(shape: Shape, options: Options) -> dict[TrafficPolicy, list[Outage]]:
    demo = [
        {"name": policy.lower(), "replicas": 1, "external_traffic_policy": policy.value}
        for policy in _POLICIES
    ]
    fabric = {**shape.fabric(), "load_balancing": {"demo": demo}}
    plan = make_plan(load(fabric))
    with workshop() as shop, shop.twin(fabric) as stack:
        options.say(f"withdrawal: bringing up {shape}")
        stack.up()
        found = alternate(
            options.runs,
            _POLICIES,
            lambda policy: _outage(stack.name, plan, policy),
            lambda run, policy, outage: options.say(
                f"withdrawal: {shape}, {policy} {run}: {outage.last_router:.1f} ms"
            ),
        )
        stack.destroy()
    return found


def _outage(stack: str, plan: Plan, policy: TrafficPolicy) -> Outage:
    service = next(item for item in plan.load_balancing.demo if item.policy is policy)
    endpoint = _endpoint(stack, service.name, plan.sites[0].name)
    routers = [Place(stack, router.name) for router in plan.routers]
    (vip,) = service.vips
    with RouteWatch(vip, _having(routers, vip)) as watch:
        (process,) = daemons.running_in(Place(stack, endpoint.pod).folder, backends.PROGRAM)
        killed = time.perf_counter()
        os.kill(process, signal.SIGKILL)
        gone = [moment - killed for moment in watch.until(present=False).values()]
        started = time.perf_counter()
        backends.keep_running(stack, [endpoint])
        back = [moment - started for moment in watch.until(present=True).values()]
    return Outage(min(gone) * 1000, max(gone) * 1000, max(back) * 1000)


def _having(routers: list[Place], vip: Address) -> dict[str, bool]:
    return {place.namespace: str(vip) in probes.table(place) for place in routers}


def _endpoint(stack: str, service: str, datacentre: str) -> Endpoint:
    """The only pod behind a service, as the nodes know it."""
    known = cluster.read(stack, datacentre)
    assert known is not None
    families = cilium.families(document(known.helm_values))
    of = services([document(text) for text in known.manifests], families)
    return next(item for item in of if item.name == service).endpoints[0]
