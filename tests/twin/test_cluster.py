import pytest

from twin import cluster
from twin.cluster import Documents
from twin.place import STATE_FOLDER, TakenError

AMS = Documents("a: 1\n", ["kind: X\n"], {"ams-worker1": "kind: Node\n"})
FRA = Documents("a: 1\n", [], {})


def test_the_same_documents_have_the_same_digest() -> None:
    assert AMS.digest() == Documents(AMS.helm_values, AMS.manifests, AMS.nodes).digest()
    assert len({AMS.digest(), FRA.digest(), Documents("", [], {}).digest()}) == 3


@pytest.mark.twin
def test_each_datacentre_finds_its_own_documents(stack: str) -> None:
    cluster.store(stack, "me", {"ams": AMS, "fra": FRA})
    assert cluster.read(stack, "ams") == AMS
    assert cluster.read(stack, "fra") == FRA


@pytest.mark.twin
def test_a_datacentre_that_is_gone_has_no_documents_left(stack: str) -> None:
    cluster.store(stack, "me", {"ams": AMS, "fra": FRA})
    cluster.store(stack, "me", {"fra": FRA})
    assert cluster.read(stack, "ams") is None
    assert cluster.read(stack, "fra") == FRA


@pytest.mark.twin
def test_where_nothing_was_stored_nothing_is_read(stack: str) -> None:
    assert cluster.read(stack, "ams") is None


@pytest.mark.twin
def test_somebody_elses_stack_is_not_written_to(stack: str) -> None:
    cluster.store(stack, "me", {"ams": AMS})
    with pytest.raises(TakenError):
        cluster.store(stack, "somebody else", {"ams": FRA})
    assert cluster.read(stack, "ams") == AMS


@pytest.mark.twin
def test_removing_leaves_no_documents(stack: str) -> None:
    cluster.store(stack, "me", {"ams": AMS})
    cluster.remove(stack)
    cluster.remove(stack)
    assert cluster.read(stack, "ams") is None
    assert [path.name for path in (STATE_FOLDER / stack).iterdir()] == ["owner"]
