from typing import Any

import pytest

from config.load import load
from config.plan import make_plan


def numbers(fabric: dict[str, Any]) -> list[tuple[int, int]]:
    """The AS of each datacentre's routers and of its nodes."""
    plan = make_plan(load(fabric))
    return [(site.routers[0].asn, site.nodes[0].asn) for site in plan.sites]


def test_all_routers_share_one_as_and_all_nodes_another() -> None:
    assert numbers({}) == [(65000, 65001), (65000, 65001)]


def test_a_number_is_for_all_datacentres() -> None:
    assert numbers({"asns": {"routers": 64512, "cluster": 64513}}) == [(64512, 64513)] * 2


@pytest.mark.parametrize("written", [64512, "64512"])
def test_a_number_may_be_quoted(written: object) -> None:
    assert numbers({"datacentres": 1, "asns": {"routers": written}}) == [(64512, 65001)]


def test_a_number_for_each_datacentre_follows_from_its_index() -> None:
    each = {"routers": "per-datacentre", "cluster": "per-datacentre"}
    assert numbers({"datacentres": [{"index": 7}, {"index": 3}], "asns": each}) == [
        (4200000003, 4200100003),
        (4200000007, 4200100007),
    ]


def test_a_datacentres_own_number_goes_before_the_common_one() -> None:
    own = {"router_asn": 64600, "cluster_asn": 64601}
    assert numbers({"datacentres": [{}, own]}) == [(65000, 65001), (64600, 64601)]
