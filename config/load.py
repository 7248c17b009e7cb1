"""The way in: from the stack's configuration, as Pulumi hands it over, to settings."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress

from pydantic import ValidationError

from config import complaints, rules
from config.errors import ConfigurationError
from config.settings import Settings


def load(
    fabric: Mapping[str, object] | None = None,
    passwords: Mapping[str, object] | None = None,
    *,
    libvirt: Mapping[str, object] | None = None,
    substrate: str | None = None,
) -> Settings:
    """Validate the stack's `underlay:fabric`, `underlay:passwords` and the others.

    Raises `ConfigurationError` with every problem found. Fields that do not even parse are left
    out while the rest is checked against each other, so that one run names them all.
    """
    raw: dict[str, object] = {
        "fabric": fabric or {},
        "libvirt": libvirt or {},
        "passwords": passwords or {},
    }
    if substrate is not None:
        raw["substrate"] = substrate
    try:
        settings = Settings.model_validate(raw)
    except ValidationError as error:
        problems = complaints.from_pydantic(error, Settings)
        remainder = complaints.without_faulty(raw, error)
        with suppress(ValidationError):  # what is left may make no sense on its own
            further = rules.problems(Settings.model_validate(remainder))
            problems += complaints.not_of_defaults(further, problems)
        raise ConfigurationError(problems) from None
    if problems := rules.problems(settings):
        raise ConfigurationError(problems)
    return settings
