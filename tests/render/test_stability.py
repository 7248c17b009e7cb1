"""What is added leaves what exists as it is."""

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.render.plans import planned, texts_of

counts = st.tuples(st.integers(1, 2), st.integers(1, 4))


@given(existing=st.lists(counts, min_size=1, max_size=4), added=counts)
@settings(max_examples=25, deadline=None)
def test_a_further_datacentre_touches_nothing_of_the_others_but_whom_their_routers_speak_with(
    existing: list[tuple[int, int]], added: tuple[int, int]
) -> None:
    before = texts_of(planned({"datacentres": datacentres(*existing)}))
    after = texts_of(planned({"datacentres": datacentres(*existing, added)}))
    assert before.keys() <= after.keys()
    changed = {path for path, text in before.items() if after[path] != text}
    of_routers = ["/etc/bird.conf", "/etc/config/firewall"]
    if existing in ([(1, count)] for count in range(1, 5)):
        of_routers.append("/etc/bird-passwords.conf")  # a lone router had none for other routers
    assert {path for path in changed if not path.endswith(tuple(of_routers))} == set()


@given(existing=counts)
@settings(max_examples=10, deadline=None)
def test_a_further_node_touches_only_its_own_datacentre(existing: tuple[int, int]) -> None:
    routers, nodes = existing
    before = texts_of(planned({"datacentres": datacentres((1, 2), (routers, nodes))}))
    after = texts_of(planned({"datacentres": datacentres((1, 2), (routers, nodes + 1))}))
    changed = {path for path, text in before.items() if after[path] != text}
    assert {path.partition("/")[0].partition("-")[0] for path in changed} == {"dc2"}


def datacentres(*routers_and_nodes: tuple[int, int]) -> list[dict[str, object]]:
    """The first has a worker: with none at all, control planes would take work."""
    found: list[dict[str, object]] = [
        {"routers": routers, "nodes": {"workers": nodes}} for routers, nodes in routers_and_nodes
    ]
    found[0]["nodes"] = {"controlplanes": 1, "workers": routers_and_nodes[0][1]}
    return found
