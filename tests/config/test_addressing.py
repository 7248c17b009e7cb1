"""The address plan asked directly, also beyond what the rules would let through."""

from collections.abc import Callable

import pytest

from config.addressing import Addressing
from config.errors import ConfigurationError
from config.schema import Datacentre, Fabric, Nodes


def addressing(**fabric: object) -> tuple[Addressing, Datacentre]:
    of = Fabric.model_validate({"datacentres": [{"index": 2}], **fabric})
    return Addressing(of), of.datacentres[0]


def test_the_gateway_is_the_first_host_whoever_holds_it() -> None:
    plan, datacentre = addressing()
    assert str(plan.gateway(datacentre)) == "10.1.2.1/24"


def test_an_own_lan_moves_the_hosts_and_nothing_else() -> None:
    plan, datacentre = addressing(datacentres=[{"index": 2, "lan": "192.168.8.0/22"}])
    assert str(plan.lan(datacentre)) == "192.168.8.0/22"
    assert str(plan.node(datacentre, 21)) == "192.168.8.21/22"
    assert str(plan.pod_cidr(datacentre, 21)) == "10.130.21.0/24"
    assert str(plan.router_on_peering(datacentre, 1)) == "172.30.0.3/22"


def test_each_datacentre_keeps_room_for_its_second_router() -> None:
    plan, datacentre = addressing()
    assert str(plan.router_on_peering(datacentre, 2)) == "172.30.0.4/22"
    assert str(plan.router_on_wan(datacentre, 2)) == "172.31.0.13/22"


def test_control_planes_and_workers_have_ranges_of_their_own() -> None:
    most = Nodes(controlplanes=9, workers=235)
    datacentre = Datacentre(name="ams", index=1, nodes=most)
    plan = Addressing(Fabric())
    controlplanes, workers = plan.controlplane_hosts(datacentre), plan.worker_hosts(datacentre)
    assert (controlplanes[0], workers[0]) == (11, 21)
    assert not set(controlplanes) & set(workers)
    assert workers[-1] == 255


@pytest.mark.parametrize(
    ("ask", "complaint"),
    [
        (lambda plan, dc: plan.lan(dc), r"^  - fabric\.lans 10\.1\.0\.0/24 has room for 0 "),
        (lambda plan, dc: plan.pods(dc), r"^  - fabric\.pods 10\.128\.0\.0/16 has room for 0 "),
        (
            lambda plan, dc: plan.router_on_peering(dc, 1),
            r"^  - fabric\.peering 172\.30\.0\.0/30 has no host 3,",
        ),
        (
            lambda plan, dc: plan.router_on_wan(dc, 1),
            r"^  - fabric\.wan 172\.31\.0\.0/32 has no host 12,",
        ),
        (lambda plan, dc: plan.wan_gateway(), r"^  - fabric\.wan 172\.31\.0\.0/32 has no host 1,"),
    ],
)
def test_a_question_beyond_a_range_is_answered_with_the_range(
    ask: Callable[[Addressing, Datacentre], object], complaint: str
) -> None:
    plan, datacentre = addressing(
        lans="10.1.0.0/24", pods="10.128.0.0/16", peering="172.30.0.0/30", wan="172.31.0.0/32"
    )
    with pytest.raises(ConfigurationError, match=f"(?m){complaint}"):
        ask(plan, datacentre)
