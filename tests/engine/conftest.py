"""Stacks for the tests on the real engine: each test its own, and nothing left of it."""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.engine.stack import Stack

_numbers = itertools.count(1)


@pytest.fixture
def make_stack(tmp_path: Path) -> Iterator[Callable[[], Stack]]:
    """Makes stacks with names of their own."""
    with _stacks(tmp_path) as make:
        yield make


@pytest.fixture(scope="module")
def make_stack_of_module(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[], Stack]]:
    """Makes stacks that all tests of a module share."""
    with _stacks(tmp_path_factory.mktemp("stacks")) as make:
        yield make


@contextmanager
def _stacks(root: Path) -> Iterator[Callable[[], Stack]]:
    if os.geteuid() != 0:
        pytest.skip("a twin takes root, or `make test`, which makes user namespaces")
    made: list[Stack] = []

    def make() -> Stack:
        name = f"t{os.getpid()}-{next(_numbers)}"
        folder = root / name
        folder.mkdir()
        stack = Stack(name, folder)
        made.append(stack)
        stack.initialise()
        stack.configure({"datacentres": 2})
        return stack

    try:
        yield make
    finally:
        for stack in made:
            stack.end()


@pytest.fixture
def stack(make_stack: Callable[[], Stack]) -> Stack:
    """One stack of two datacentres, not yet up."""
    return make_stack()
