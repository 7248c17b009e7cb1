"""The artifacts as they were when someone last looked at them.

`pytest tests/render --snapshot-update` takes the present ones for good.
"""

import pytest
from syrupy.assertion import SnapshotAssertion

from tests.render.plans import PLANS, texts_of

#: Plans of which all is looked at; the rest of the others has nothing new.
WHOLE = ("two_datacentres", "pairs_of_routers_with_passwords", "two_peerings")
NEW = ("pool-", "demo-", "advertisement-")
_ONE_OF_EACH = (*NEW, "dc1-router1", "dc1-worker1", "dc1/", "helm")
PARTS = {"dual_stack": _ONE_OF_EACH, "ipv6_only": _ONE_OF_EACH}

ARTIFACTS = {
    f"{plan}/{path}": (plan, path)
    for plan in PLANS
    for path in texts_of(PLANS[plan]())
    if plan in WHOLE
    or path.startswith(PARTS.get(plan, NEW))
    or (plan not in PARTS and path.endswith(("/etc/bird.conf", "/egress.yaml")))
}


@pytest.mark.parametrize(("plan", "path"), ARTIFACTS.values(), ids=ARTIFACTS.keys())
def test_an_artifact_is_as_it_was(plan: str, path: str, snapshot: SnapshotAssertion) -> None:
    assert texts_of(PLANS[plan]())[path] == snapshot
