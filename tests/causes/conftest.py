"""A fabric of two datacentres with services, up once for all tests of a worker."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.security.standing import Standing, standing

FABRIC = {
    "datacentres": [{"nodes": 2}, {"nodes": 1}],
    "management": ["172.31.0.1/32"],
    "load_balancing": {
        "selector": {"exposed": "yes"},
        "demo": [
            {"name": "nginx", "replicas": 2},
            {"name": "local", "replicas": 2, "external_traffic_policy": "Local"},
        ],
    },
}


@pytest.fixture(scope="module")
def fabric() -> Iterator[Standing]:
    with standing("cause", FABRIC) as found:
        yield found


@pytest.fixture(autouse=True)
def mended(fabric: Standing) -> Iterator[None]:
    """After each test, all is as planned again."""
    yield
    fabric.mend()
