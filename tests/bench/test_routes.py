import pytest

from bench.fabrics import SMALL, lacks
from bench.section import Options
from bench.suites import routes

pytestmark = [pytest.mark.twin, pytest.mark.xdist_group("twin")]


def test_a_router_learns_the_routes_that_it_is_told_of(monkeypatch: pytest.MonkeyPatch) -> None:
    if found := lacks(SMALL):
        pytest.skip("; ".join(found))
    monkeypatch.setattr(routes, "_SIZES", ((20, 10), (0, 0)))
    said: list[str] = []
    section = routes.run(Options(runs=1, quick=True, say=said.append))
    assert [row[:2] for row in section.rows] == [("20", "10")]
    assert len(said) == 1
