"""Keeps secrets out of what is said."""

from __future__ import annotations

import re
from collections.abc import Iterable

_HIDDEN = "[secret]"
_QUOTED = re.compile(r'"([^"\n]+)"')

#: Shorter ones are words that any message may have.
_SHORTEST = 4


def without_secrets(text: str, secret_texts: Iterable[str]) -> str:
    """The text with every line, and everything in quotes, of the secret files taken out."""
    secrets: set[str] = set()
    for secret in secret_texts:
        secrets |= {line.strip() for line in secret.splitlines()}
        secrets |= set(_QUOTED.findall(secret))
    for found in sorted(secrets, key=len, reverse=True):
        if len(found) >= _SHORTEST:
            text = text.replace(found, _HIDDEN)
    return text
