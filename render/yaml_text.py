"""YAML text that every reader reads alike, whichever version of YAML it speaks."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import yaml

from render.documents import Document

if TYPE_CHECKING:
    _Dumper = yaml.SafeDumper
else:
    #: libyaml writes ten times faster than Python where PyYAML has been built with it.
    _Dumper = getattr(yaml, "CSafeDumper", yaml.SafeDumper)

#: Text that no version of YAML takes for anything but text. YAML 1.1 has words for booleans that
#: PyYAML writes bare and Go's readers turn into true and false (YAML 1.1, type `bool`).
_PLAIN = re.compile(r"[A-Za-z/][A-Za-z0-9./_-]*")
_BOOLEANS_AND_NULL = frozenset(["y", "n", "yes", "no", "on", "off", "true", "false", "null"])


class _PlainOrQuoted(_Dumper):
    """Quotes every string but those that are safe without."""

    def ignore_aliases(self, data: object) -> bool:
        """Always: a document says everything where it stands, with no anchors."""
        return True


def _string(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    plain = _PLAIN.fullmatch(text) and text.lower() not in _BOOLEANS_AND_NULL
    return yaml.ScalarNode("tag:yaml.org,2002:str", text, style=None if plain else '"')


_PlainOrQuoted.add_representer(str, _string)


def yaml_text(*documents: Document) -> str:
    """The documents as one YAML stream, keys in the order in which they are given."""
    text: str = yaml.dump_all(
        documents,
        Dumper=_PlainOrQuoted,
        sort_keys=False,
        default_flow_style=False,
        explicit_start=len(documents) > 1,
        width=1000,
    )
    return text
