"""What a Prometheus is to scrape, by job, each as one of its `static_configs`.

The shape is that of files for `file_sd_configs` too (Prometheus docs, "Configuration"). A target's
own label `job` goes before the name of the job that scrapes it.
"""

from __future__ import annotations

from typing import TypedDict

from config.families import Address, with_port
from config.machines import Node
from config.observability import ROUTER_PORT
from config.plan import Plan
from render import metrics

ROUTERS = "underlay-routers"
AGENTS = "cilium-agent"
HUBBLE = "hubble"

#: Where the chart has the agents and Hubble listen, on every node's own address (Cilium docs,
#: "Monitoring & Metrics").
AGENT_PORT = 9962
HUBBLE_PORT = 9965


class StaticConfig(TypedDict):
    """Targets as `address:port`, and the labels that all of their series get."""

    targets: list[str]
    labels: dict[str, str]


def targets(plan: Plan, *, agents: bool) -> dict[str, list[StaticConfig]]:
    """The targets of each job that the fabric may have; a job that is off has none.

    `agents` says whether Cilium runs on the nodes: a twin's nodes have GoBGP alone, and nothing
    there would answer. The operator is not among the jobs: no plan knows on which node it is.
    """
    wanted = plan.observability
    return {
        ROUTERS: [
            _static(
                router.lan.address.ip,
                ROUTER_PORT,
                job=ROUTERS,
                datacentre=router.datacentre,
                router=router.name,
                __metrics_path__=metrics.PATH,
            )
            for router in (plan.routers if wanted.routers else ())
        ],
        AGENTS: _nodes(plan.nodes if agents and wanted.cilium else (), AGENTS, AGENT_PORT),
        HUBBLE: _nodes(plan.nodes if agents and wanted.hubble.metrics else (), HUBBLE, HUBBLE_PORT),
    }


def _nodes(nodes: tuple[Node, ...], job: str, port: int) -> list[StaticConfig]:
    return [
        _static(node.lan.address.ip, port, job=job, datacentre=node.datacentre, node=node.name)
        for node in nodes
    ]


def _static(address: Address, port: int, **labels: str) -> StaticConfig:
    return {"targets": [with_port(address, port)], "labels": labels}
