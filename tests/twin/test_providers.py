"""How Pulumi's engine drives the resources: with the engine's requests, and without the engine."""

from typing import Any

import pytest

from twin import iproute, record
from twin.cluster import Documents
from twin.place import Place, owner_of
from twin.providers import ClusterProvider, GroundProvider, HostProvider, SegmentProvider

# The engine's property maps are untyped by nature.
Props = dict[str, Any]


def applied(inputs: Props, **outputs: object) -> Props:
    """What the state holds of inputs that were applied."""
    kept = {key: inputs[key] for key in ("stack", "machine")}
    return {**kept, "applied": record.digest(inputs), "drift": "", **outputs}


SEGMENT: Props = {"stack": "s", "machine": "lan", "owner": "me"}


def test_inputs_that_were_applied_already_are_no_change() -> None:
    diff = SegmentProvider().diff("id", applied(SEGMENT), {**SEGMENT, "__provider": "pickled"})
    assert (diff.changes, diff.replaces) == (False, [])


def test_other_inputs_are_a_change_in_place() -> None:
    diff = SegmentProvider().diff("id", applied(SEGMENT), {**SEGMENT, "files": {}})
    assert (diff.changes, diff.replaces) == (True, [])


def test_drift_that_a_refresh_found_is_a_change_in_place() -> None:
    diff = SegmentProvider().diff("id", applied(SEGMENT, drift="eth0 unplugged"), SEGMENT)
    assert (diff.changes, diff.replaces) == (True, [])


@pytest.mark.parametrize("key", ["stack", "machine"])
def test_another_place_is_another_thing_and_the_old_goes_first(key: str) -> None:
    diff = SegmentProvider().diff("id", applied(SEGMENT), {**SEGMENT, key: "other"})
    assert (diff.changes, diff.replaces, diff.delete_before_replace) == (True, [key], True)


def test_another_stacks_ground_is_another_ground() -> None:
    ground = GroundProvider()
    old: Props = {"stack": "s", "owner": "me"}
    assert not ground.diff("me", old, {"stack": "s", "owner": None}).changes
    assert ground.diff("me", old, {"stack": "t", "owner": None}).replaces == ["stack"]


CLUSTER: Props = {
    "stack": "s",
    "owner": "me",
    "datacentres": {"ams": {"helm_values": "a: 1\n", "manifests": [], "nodes": {}}},
}


def test_changed_documents_are_a_change_in_place() -> None:
    digest = Documents(**CLUSTER["datacentres"]["ams"]).digest()
    old: Props = {"stack": "s", "digests": {"ams": digest}}
    assert not ClusterProvider().diff("id", old, CLUSTER).changes
    changed = {"ams": {**CLUSTER["datacentres"]["ams"], "helm_values": "a: 2\n"}}
    diff = ClusterProvider().diff("id", old, {**CLUSTER, "datacentres": changed})
    assert (diff.changes, diff.replaces) == (True, [])


@pytest.mark.twin
def test_a_ground_is_taken_and_left(stack: str) -> None:
    provider = GroundProvider()
    created = provider.create({"stack": stack, "owner": None})
    assert created.outs == {"stack": stack, "owner": created.id}
    Place(stack, "machine").claim(str(created.id))
    provider.delete(str(created.id), created.outs or {})
    assert owner_of(stack) is None


@pytest.fixture
def host(stack: str) -> Props:
    """A host's inputs, and the segment that it is plugged into."""
    segment = SegmentProvider().create({"stack": stack, "machine": "wan", "owner": "me"})
    nic = {"segment": segment.id, "mac": "02:40:00:00:00:00", "neighbors": {}}
    return {
        "stack": stack,
        "machine": "internet",
        "owner": "me",
        "built_at": None,
        "nics": [nic],
        "addresses": ["172.31.0.1/22"],
    }


@pytest.mark.twin
def test_what_was_created_reads_as_it_was_created(host: Props) -> None:
    provider = HostProvider()
    created = provider.create(host)
    assert created.id == f"{host['stack']}-internet"
    assert created.outs
    read = provider.read(str(created.id), created.outs)
    assert (read.id, read.outs) == (created.id, created.outs)
    assert not provider.diff(str(created.id), created.outs, host).changes


@pytest.mark.twin
def test_a_change_by_hand_shows_as_drift_and_an_update_mends_it(host: Props) -> None:
    provider = HostProvider()
    created = provider.create(host)
    iproute.batch(str(created.id), ["link set eth0 down"])
    read = provider.read(str(created.id), created.outs or {}).outs or {}
    assert "needs: link set eth0 up" in str(read["drift"])
    assert provider.diff(str(created.id), read, host).changes
    updated = provider.update(str(created.id), read, host).outs or {}
    assert updated["drift"] == ""
    assert updated["built_at"] > read["built_at"], "so that its convergence is waited for"
    assert provider.read(str(created.id), updated).outs == updated


@pytest.mark.twin
def test_what_is_gone_reads_as_gone(host: Props) -> None:
    """After a reboot; the engine then makes it anew."""
    provider = HostProvider()
    created = provider.create(host)
    Place(host["stack"], host["machine"]).release()
    assert provider.read(str(created.id), created.outs or {}).id == ""


@pytest.mark.twin
def test_what_was_never_finished_reads_as_gone(host: Props) -> None:
    Place(host["stack"], host["machine"]).claim("me")
    assert HostProvider().read("id", applied(host)).id == ""


@pytest.mark.twin
def test_creating_and_deleting_can_be_repeated(host: Props) -> None:
    provider = HostProvider()
    provider.create(host)
    created = provider.create(host)
    assert provider.read(str(created.id), created.outs or {}).outs == created.outs
    provider.delete(str(created.id), created.outs or {})
    provider.delete(str(created.id), created.outs or {})
    assert not Place(host["stack"], host["machine"]).stands


@pytest.mark.twin
def test_what_somebody_else_has_taken_since_is_not_deleted(host: Props) -> None:
    """After a reboot another checkout took the name; this one's state still knows the machine."""
    provider = HostProvider()
    created = provider.create(host)
    assert created.outs
    place = Place(host["stack"], host["machine"])
    (place.folder.parent / "owner").write_text("somebody else")
    provider.delete(str(created.id), created.outs)
    assert place.stands


@pytest.mark.twin
def test_the_clusters_documents_are_stored_read_and_noticed_when_changed(stack: str) -> None:
    provider = ClusterProvider()
    created = provider.create({**CLUSTER, "stack": stack})
    assert created.outs
    assert provider.read(str(created.id), created.outs).outs == created.outs
    (file,) = Place(stack, "cluster").folder.iterdir()
    file.write_text(file.read_text().replace("a: 1", "a: 9"))
    changed = provider.read(str(created.id), created.outs).outs or {}
    assert changed["digests"] != created.outs["digests"]
    file.unlink()
    assert provider.read(str(created.id), created.outs).id == ""
