"""Previews on libvirt: how rows are made, and that there is something to measure."""

import shutil

import pytest

from bench.engine import workshop
from bench.process import Taken
from bench.suites import libvirt
from tools import plugins


def test_growth_is_told_against_the_next_smaller_stack_with_a_cluster() -> None:
    resources = {"empty": 1, "dev, routers alone": 30, "dev": 60, "4": 160, "16": 560}
    seconds = {"empty": 1.0, "dev, routers alone": 2.0, "dev": 3.0, "4": 4.5, "16": 8.5}
    found = {name: [Taken(wall=cpu, cpu=cpu)] for name, cpu in seconds.items()}
    rows = {name: libvirt.row(name, resources, found) for name in resources}
    assert [rows[name][-1] for name in resources] == ["", "", "", "1.50", "1.00"]
    assert rows["dev"][1:7] == ("60", "3.00", "3.00", "3.00×", "3.00×", "≤ 2×")
    assert rows["empty"][:6] == ("an empty program", "1", "1.00", "1.00", "", "")


@pytest.mark.engine
@pytest.mark.skipif(shutil.which("pulumi") is None, reason="pulumi is not on PATH")
@pytest.mark.timeout(plugins.LIMIT)  # it may build the plugin
def test_a_stack_on_libvirt_is_previewed_without_a_libvirt() -> None:
    with workshop() as shop:
        side = libvirt.warm(shop.libvirt(libvirt.configuration([{"nodes": 1}], cluster=False)))
    assert side.resources > 10
