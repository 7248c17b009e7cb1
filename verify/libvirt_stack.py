"""A stack on libvirt as one can look at it: routers over SSH, nodes by the API server."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import ClassVar

from components.api_server import ApiServer
from config.load import load
from config.machines import Router
from config.plan import Plan, make_plan
from day1.ssh import Address
from verify import announcements, cluster_probes, expectations, from_here, metrics, ssh_probes
from verify.causes.explain import explained
from verify.causes.notes import flaps
from verify.causes.ssh_witness import SshWitness
from verify.cluster_probes import ClusterError
from verify.compare import all_differences
from verify.model import Expected, Finding, Kind, Observed, Sight, Unseen
from verify.report import Report, to_see

#: A router that is looked at has booted long ago; it may be busy.
_ANSWER_SECONDS = 10.0

_HIDDEN = (
    "the routes of nodes and pods, what pods see of each other, and their way out by the WAN: "
    "Talos has no shell"
)
_HIDDEN_METRICS = "whether others reach the routers' metrics: each was read on the router itself"


@dataclass(frozen=True, slots=True, kw_only=True)
class LibvirtStack:
    """A stack of virtual machines, and the ways to them.

    `host_keys` are the routers' public keys by their names, `management_key` is the private one
    that they let in. `kubeconfig` is None where there are no nodes.
    """

    name: str
    plan: Plan
    host_keys: Mapping[str, str]
    management_key: str = field(repr=False)
    kubeconfig: str | None = field(repr=False)
    poll_seconds: ClassVar[float] = 1.0

    def speakers(self) -> dict[str, Expected]:
        """Routers with their sessions and routes, then nodes with their sessions."""
        found = [
            *(expectations.router(self.plan, s, r) for s in self.plan.sites for r in s.routers),
            *(expectations.speaker(self.plan, node) for node in self.plan.nodes),
        ]
        return {machine.machine: machine for machine in found}

    def look(self, machines: Iterable[Expected]) -> dict[str, Sight]:
        """What is to be seen on these machines now, or why one cannot be looked at."""
        kinds = {machine.machine: machine.kind for machine in machines}
        routers = {r.name: self._address(r) for r in self.plan.routers if r.name in kinds}
        nodes = [name for name, kind in kinds.items() if kind is Kind.NODE]
        return ssh_probes.look_at_all(routers, _ANSWER_SECONDS) | self._look_at_nodes(nodes)

    def remaining(self) -> list[Finding]:
        """Nothing that can be looked at from here."""
        return []

    def report(self) -> Report:
        """Look at all machines, and try from here to reach each node and its pods."""
        expected = self.speakers()
        findings = list(all_differences(expected.values(), self.look(expected.values())))
        routers = {router.name: self._address(router) for router in self.plan.routers}
        findings += announcements.findings(self.plan, ssh_probes.ask_all(routers, _ANSWER_SECONDS))
        wanted = metrics.expected(self.plan)
        urls = {r.name: metrics.url(r) for r in self.plan.routers if r.name in wanted}
        scraped = ssh_probes.scrape_all(routers, urls, _ANSWER_SECONDS)
        findings += metrics.findings(self.plan, scraped)
        checked = to_see(expected.values())
        for of in (announcements.checks, metrics.counts):
            for machine, counts in of(self.plan).items():
                checked[machine] |= counts
        if self.plan.nodes:
            targets = from_here.targets(self.plan, self._health_addresses())
            findings += from_here.findings(targets)
            for target in targets:
                counts = checked[target.node]
                counts[from_here.CHECK] = counts.get(from_here.CHECK, 0) + 1
        witness = SshWitness(self.plan, routers, self._fetch, _ANSWER_SECONDS)
        return Report(
            stack=self.name,
            checked=checked,
            pods=frozenset(),
            findings=explained(self.plan, findings, witness),
            notes=tuple(flaps(self.plan, witness)),
            not_looked_at=(
                *((_HIDDEN,) if self.plan.nodes else ()),
                *((_HIDDEN_METRICS,) if wanted else ()),
            ),
        )

    def _address(self, router: Router) -> Address:
        return Address(
            host=str(router.wan.address.ip),
            host_key=self.host_keys[router.name],
            private_key=self.management_key,
        )

    def _look_at_nodes(self, nodes: Sequence[str]) -> dict[str, Sight]:
        """A node that Cilium has no BGP configuration for shows no sessions."""
        if not nodes:
            return {}
        try:
            found = cluster_probes.look(self._api())
        except ClusterError as error:
            return dict.fromkeys(nodes, Unseen(str(error)))
        return {name: found.get(name, Observed(routes={})) for name in nodes}

    def _health_addresses(self) -> Mapping[str, Sequence[str]]:
        try:
            return cluster_probes.health_addresses(self._api())
        except ClusterError:
            return {}  # that it does not answer is a finding on every node already

    def _fetch(self, path: str) -> Mapping[str, object]:
        return cluster_probes.fetch(self._api(), path)

    def _api(self) -> ApiServer:
        return cluster_probes.server(self.kubeconfig or "")


def libvirt_stack(
    name: str,
    *,
    fabric: Mapping[str, object],
    libvirt: Mapping[str, object],
    host_keys: Mapping[str, str],
    management_key: str,
    kubeconfig: str | None,
) -> LibvirtStack:
    """A stack by the settings that it was deployed with, and the ways that it was left with."""
    return LibvirtStack(
        name=name,
        plan=make_plan(load(fabric, libvirt=libvirt, substrate="libvirt")),
        host_keys=host_keys,
        management_key=management_key,
        kubeconfig=kubeconfig,
    )
