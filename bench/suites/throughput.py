"""A TCP stream from pod to pod: natively, by VXLAN on the same path, and over a bare cable."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from ipaddress import IPv4Interface

from bench import rtnetlink
from bench.engine import CHECKOUT, workshop
from bench.fabrics import SMALL, require
from bench.netns import Namespace
from bench.samples import Spread, alternate, ratios
from bench.section import BenchError, Options, Section
from config.families import Address, Family
from config.machines import Node
from config.plan import Plan
from twin import iproute, namespaces
from twin.place import Place
from verify.expectations import pod_addresses, pod_name

_PORT = 5201
_SECONDS, _QUICK_SECONDS = 3.0, 1.0
_LIMIT_SECONDS = 60.0
_VXLAN = "vxlan7"
_MTU, _VXLAN_OVERHEAD = 1500, 50  # bytes (RFC 7348, section 5)
_CABLE = (IPv4Interface("192.0.2.1/30"), IPv4Interface("192.0.2.2/30"))

_Inside = Callable[[], AbstractContextManager[None]]


@dataclass(frozen=True, slots=True)
class End:
    """One end of a stream: how to get into its namespace, and its address."""

    inside: _Inside
    address: Address


def run(options: Options) -> Section:
    """Measure all three in turn, as often as asked."""
    require(SMALL)
    seconds = _QUICK_SECONDS if options.quick else _SECONDS
    plan = SMALL.plan()
    near, far = plan.sites[0].nodes[0], plan.sites[1].nodes[0]
    with workshop() as shop, shop.twin(SMALL.fabric()) as stack, _cable() as cable:
        options.say("throughput: bringing up two datacentres")
        stack.up()
        ends = _end(stack.name, plan, near), _end(stack.name, plan, far)
        subjects: Mapping[str, Callable[[], float]] = {
            "a bare veth pair": partial(_stream, *cable, seconds),
            "native routing": partial(_stream, *ends, seconds),
            "VXLAN": partial(_by_vxlan, stack.name, (near, far), ends, seconds),
        }
        found = alternate(
            options.runs,
            subjects,
            lambda name: subjects[name](),
            lambda run, name, rate: options.say(f"throughput: {name} {run}: {rate:.1f} Gbit/s"),
        )
        stack.destroy()
    rates = {name: Spread(tuple(values)) for name, values in found.items()}
    native, bare = rates["native routing"], rates["a bare veth pair"]
    return Section(
        title="One TCP stream between pods of two datacentres",
        columns=("path", "Gbit/s", "÷ native", "÷ bare veth"),
        rows=tuple(
            (
                name,
                rate.text(digits=1),
                ratios(rate, native).text("×"),
                ratios(rate, bare).text("×"),
            )
            for name, rate in rates.items()
        ),
        notes=(
            "Native and VXLAN pass the same two nodes and two routers; VXLAN ends at the nodes.",
            "Sender, receiver and all forwarding share this machine's cores: only ratios count.",
        ),
        data={name: list(rate.values) for name, rate in rates.items()},
    )


def _end(stack: str, plan: Plan, node: Node) -> End:
    namespace = Place(stack, pod_name(node, 1)).namespace
    return End(partial(namespaces.inside, namespace), pod_addresses(plan, node, Family.IPV4)[0])


@contextmanager
def _cable() -> Iterator[tuple[End, End]]:
    """Two namespaces with a cable between them and nothing else."""
    with ExitStack() as closed:
        one, other = Namespace(), Namespace()
        closed.callback(one.close)
        closed.callback(other.close)
        far_end = rtnetlink.far_end(2, "eth0", "02:50:00:00:00:02", other.file)
        one.kernel.send([rtnetlink.veth(2, "eth0", far_end, address="02:50:00:00:00:01")])
        for space, interface in zip((one, other), _CABLE, strict=True):
            space.kernel.send([rtnetlink.address(2, interface), rtnetlink.up(2)])
        yield End(one.inside, _CABLE[0].ip), End(other.inside, _CABLE[1].ip)


def _by_vxlan(stack: str, nodes: tuple[Node, Node], ends: tuple[End, End], seconds: float) -> float:
    """The same two pods, with a tunnel between their nodes as the way between them."""
    sides = list(zip(nodes, reversed(nodes), reversed(ends), strict=True))
    pods = [Place(stack, pod_name(node, 1)).namespace for node in nodes]
    try:
        for pod in pods:
            iproute.batch(pod, [f"link set eth0 mtu {_MTU - _VXLAN_OVERHEAD}"])
        for node, other, far_pod in sides:
            iproute.batch(
                Place(stack, node.name).namespace,
                [
                    f"link add {_VXLAN} type vxlan id 7 dstport 8472 dev eth0 "
                    f"local {node.lan.address.ip} remote {other.lan.address.ip}",
                    f"link set {_VXLAN} up",
                    f"route add {far_pod.address}/32 dev {_VXLAN} src {node.lan.address.ip}",
                ],
            )
        for node, other, far_pod in sides:
            mac = _mac(stack, other)
            command = f"neighbor replace {far_pod.address} lladdr {mac} dev {_VXLAN} nud permanent"
            iproute.batch(Place(stack, node.name).namespace, [command])
        return _stream(*ends, seconds)
    finally:
        for node, _, _ in sides:
            iproute.batch(Place(stack, node.name).namespace, [f"link del {_VXLAN}"])
        for pod in pods:
            iproute.batch(pod, [f"link set eth0 mtu {_MTU}"])


def _mac(stack: str, node: Node) -> str:
    (links,) = iproute.query(Place(stack, node.name).namespace, [f"link show dev {_VXLAN}"])
    return str(links[0]["address"])


def _stream(source: End, target: End, seconds: float) -> float:
    """Gbit/s from the one to the other."""
    command = [sys.executable, "-m", "bench.stream"]
    to = [str(target.address), str(_PORT)]
    with target.inside():
        receiver = subprocess.Popen(
            [*command, "receive", *to], cwd=CHECKOUT, stdout=subprocess.PIPE, text=True
        )
    with receiver:
        assert receiver.stdout
        try:
            if receiver.stdout.readline().strip() != "listening":
                raise BenchError("the receiver of the stream did not start")
            with source.inside():
                subprocess.run(
                    [*command, "send", *to, str(seconds)],
                    cwd=CHECKOUT,
                    check=True,
                    timeout=_LIMIT_SECONDS,
                )
            found = json.loads(receiver.stdout.readline())
        finally:
            receiver.kill()
    return float(found["bytes"]) * 8 / float(found["seconds"]) / 1e9
