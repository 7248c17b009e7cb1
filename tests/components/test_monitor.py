"""The guards themselves: each catches what it is there for."""

import pulumi
import pulumi_libvirt as libvirt
import pytest

from components.backstop import UnparentedError, refuse_orphans
from tests.components.monitor import run
from tests.engine_libvirt.standin import MARK


class Owner(pulumi.ComponentResource):
    def __init__(self, name: str) -> None:
        super().__init__("underlay:index:Owner", name)


def volume(resource: str, parent: pulumi.Resource | None = None, **inputs: object) -> None:
    opts = pulumi.ResourceOptions(parent=parent)
    libvirt.Volume(resource, opts=opts, **inputs)  # type: ignore[call-overload]


def test_a_urn_that_is_taken() -> None:
    def program() -> None:
        owner = Owner("top")
        volume("top-disk", owner)
        volume("top-disk", owner)

    (problem,) = run(program).problems
    assert problem.endswith("top-disk is there already")


def test_a_resource_without_a_parent() -> None:
    (problem,) = run(lambda: volume("disk")).problems
    assert problem.endswith("disk has no parent")


def test_a_name_that_does_not_begin_with_its_parents() -> None:
    (problem,) = run(lambda: volume("disk", Owner("top"))).problems
    assert "does not begin with top" in problem


def test_a_misspelt_nested_key() -> None:
    (problem,) = run(lambda: volume("top-disk", Owner("top"), xml={"xlst": ""})).problems
    assert "xlst is no field of VolumeXmlArgs" in problem


def test_a_secret_in_plain_sight() -> None:
    (problem,) = run(lambda: volume("top-disk", Owner("top"), name=f"{MARK} x")).problems
    assert problem.endswith(".name is in plain sight")
    secret = pulumi.Output.secret
    assert not run(lambda: volume("top-disk", Owner("top"), name=secret(MARK))).problems


def test_the_program_itself_refuses_an_orphan() -> None:
    def program() -> None:
        refuse_orphans("top")
        volume("top-disk", Owner("top"))
        volume("disk")

    with pytest.raises(UnparentedError, match="libvirt:index/volume:Volume disk has no parent"):
        run(program)
