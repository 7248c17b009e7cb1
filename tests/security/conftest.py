"""A fabric of two datacentres, up once for all tests of a worker: each leaves it as it was."""

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
    "egress_gateway": {"gateways": {"dc1": {"node": "dc1-controlplane1"}}},
}


@pytest.fixture(scope="module")
def fabric() -> Iterator[Standing]:
    stack = f"sec-{os.getpid()}"
    if lacks := preflight.findings(make_plan(load(FABRIC)), stack, preflight.inspect()):
        pytest.skip(preflight.complaint(lacks))
    try:
        yield Standing(stack, FABRIC)
    finally:
        release_stack(stack)
