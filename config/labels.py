"""Labels of Kubernetes, as selectors name them."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import AfterValidator

from config.scalars import refusal

#: A name, or a prefix that is a DNS name, a slash and a name (Kubernetes, "Labels and Selectors").
_NAME = r"[A-Za-z0-9]([A-Za-z0-9_.-]*[A-Za-z0-9])?"
_KEY = re.compile(rf"([a-z0-9]([a-z0-9.-]*[a-z0-9])?/)?{_NAME}")
_VALUE = re.compile(rf"({_NAME})?")
_LONGEST = 63


def _labels(value: dict[str, str]) -> dict[str, str]:
    for key, text in value.items():
        if not _KEY.fullmatch(key) or len(key.rpartition("/")[2]) > _LONGEST:
            raise refusal(f"has {key}, which is no key of a label", "write a key such as app")
        if not _VALUE.fullmatch(text) or len(text) > _LONGEST:
            raise refusal(
                f"has {text}, which is no value of a label",
                "use letters, digits, and -_. between them",
            )
    return value


#: Values by keys; whoever is selected has them all.
Labels = Annotated[dict[str, str], AfterValidator(_labels)]
