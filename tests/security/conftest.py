"""A fabric of two datacentres, up once for all tests of a worker: each leaves it as it was."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.security.standing import Standing, standing

FABRIC = {
    "datacentres": [{"nodes": 2}, {"nodes": 1}],
    "egress_gateway": {"gateways": {"dc1": {"node": "dc1-controlplane1"}}},
}


@pytest.fixture(scope="module")
def fabric() -> Iterator[Standing]:
    with standing("sec", FABRIC) as found:
        yield found
