"""The stack's last resource: it stands when the network works."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from pulumi.dynamic import CreateResult, DiffResult, ReadResult, ResourceProvider, UpdateResult

if TYPE_CHECKING:
    from verify.model import Watched

# The engine's property maps are untyped by nature.
Props = dict[str, Any]

#: What a change of is waited for: the settings that the plan was made of, and when, or to what,
#: each machine was last changed. Not how it is looked at, or for how long: a renewed key changes no
#: network.
_WAITED_FOR = ("stack", "fabric", "machines")


class ConvergedProvider(ResourceProvider):
    """Drives the waiting.

    What it waits with is imported when it waits: the program loads this module as well, and the
    plugin while it should be making machines.
    """

    #: A provider is stored with the resource as the name of its class, which is no secret.
    serialize_as_secret_always = False

    #: What `watched` needs besides the settings: it is kept, for a refresh is given nothing else.
    ways: ClassVar[tuple[str, ...]] = ()

    def watched(self, props: Props) -> Watched:
        """The stack that these inputs describe."""
        raise NotImplementedError

    def create(self, props: Props) -> CreateResult:
        return CreateResult(f"{props['stack']}-converged", self._converged(props))

    def diff(self, _id: str, _olds: Props, _news: Props) -> DiffResult:
        is_changed = any(_olds.get(key) != _news.get(key) for key in _WAITED_FOR)
        return DiffResult(changes=is_changed or bool(_olds.get("missing")))

    def update(self, _id: str, _olds: Props, _news: Props) -> UpdateResult:
        return UpdateResult(self._converged(_news))

    def read(self, id_: str, props: Props) -> ReadResult:
        from verify.waiting import missing

        return ReadResult(id_, {**props, "missing": missing(self.watched(props))})

    def _converged(self, props: Props) -> Props:
        from verify.waiting import wait

        wait(self.watched(props), float(props["limit_seconds"]))
        kept = {key: props[key] for key in (*_WAITED_FOR, *self.ways) if key in props}
        return {**kept, "missing": []}
