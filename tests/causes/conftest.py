"""A fabric of two datacentres with services, up once for all tests of a worker."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from config.load import load
from config.plan import make_plan
from tests.security.standing import Standing
from twin import preflight
from twin.place import release_stack

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
    stack = f"cause-{os.getpid()}"
    if lacks := preflight.findings(make_plan(load(FABRIC)), stack, preflight.inspect()):
        pytest.skip(preflight.complaint(lacks))
    try:
        yield Standing(stack, FABRIC)
    finally:
        release_stack(stack)
