"""The stacks of the project, as their files have them."""

from __future__ import annotations

import copy
import json
from typing import Any

import yaml

from tests.components.monitor import PASSWORD
from tools.cli import PROJECT

# What a user writes is YAML, which is untyped by nature.
Written = dict[str, Any]

PASSWORDS: Written = {"peering": PASSWORD, "datacentres": {"dc1": PASSWORD}}


def written(stack: str) -> Written:
    """The configuration in `Pulumi.<stack>.yaml`."""
    text = (PROJECT / f"Pulumi.{stack}.yaml").read_text()
    config: Written = yaml.safe_load(text)["config"]
    return copy.deepcopy(config)


def as_config(config: Written) -> dict[str, str]:
    """As the engine hands it to the program: structures as JSON."""
    return {
        key: item if isinstance(item, str) else json.dumps(item) for key, item in config.items()
    }
